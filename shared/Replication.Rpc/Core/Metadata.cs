using System.Collections;
using System.Text;

namespace Grpc.Core;

/// <summary>Headers or trailers of a call. Keys are lower case; a key that ends in <c>-bin</c> has a binary value.</summary>
public sealed class Metadata : IList<Metadata.Entry>
{
    public const string BinaryHeaderSuffix = "-bin";

    public static readonly Metadata Empty = new(readOnly: true);

    private readonly List<Entry> _entries = [];

    public Metadata()
    {
    }

    private Metadata(bool readOnly) => IsReadOnly = readOnly;

    public int Count => _entries.Count;

    public bool IsReadOnly { get; }

    public Entry this[int index]
    {
        get => _entries[index];
        set => Writable()[index] = value;
    }

    public void Add(Entry item) => Writable().Add(item);

    public void Add(string key, string value) => Add(new Entry(key, value));

    public void Add(string key, byte[] valueBytes) => Add(new Entry(key, valueBytes));

    /// <summary>The last entry of that key.</summary>
    public Entry? Get(string key) => _entries.FindLast(entry => entry.Has(key));

    public string? GetValue(string key) => Get(key)?.Value;

    public byte[]? GetValueBytes(string key) => Get(key)?.ValueBytes;

    public IEnumerable<Entry> GetAll(string key) => _entries.Where(entry => entry.Has(key));

    public void Insert(int index, Entry item) => Writable().Insert(index, item);

    public void RemoveAt(int index) => Writable().RemoveAt(index);

    public bool Remove(Entry item) => Writable().Remove(item);

    public void Clear() => Writable().Clear();

    public int IndexOf(Entry item) => _entries.IndexOf(item);

    public bool Contains(Entry item) => _entries.Contains(item);

    public void CopyTo(Entry[] array, int arrayIndex) => _entries.CopyTo(array, arrayIndex);

    public IEnumerator<Entry> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private List<Entry> Writable() => IsReadOnly ? throw new InvalidOperationException("this metadata is read-only") : _entries;

    /// <summary>One header: text, or bytes where the key ends in <c>-bin</c>.</summary>
    public sealed class Entry
    {
        private readonly string? _text;
        private readonly byte[]? _bytes;

        public Entry(string key, string value) : this(key, binary: false) => _text = value;

        public Entry(string key, byte[] valueBytes) : this(key, binary: true) => _bytes = valueBytes;

        private Entry(string key, bool binary)
        {
            if (key.Length == 0 || !key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
                throw new ArgumentException($"\"{key}\" is no metadata key: letters, digits, '-', '_' and '.' are allowed", nameof(key));
            Key = key.ToLowerInvariant();
            if (IsBinary != binary)
            {
                throw new ArgumentException(
                    $"the key \"{key}\" {(IsBinary ? "ends in -bin and takes bytes" : "takes text; one for bytes ends in -bin")}", nameof(key));
            }
        }

        public string Key { get; }

        public bool IsBinary => Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal);

        public string Value => _text ?? throw new InvalidOperationException($"the value of \"{Key}\" is binary");

        public byte[] ValueBytes => _bytes ?? Encoding.ASCII.GetBytes(_text!);

        public override string ToString() => IsBinary ? $"[{Key}: {_bytes!.Length} bytes]" : $"[{Key}: {_text}]";

        internal bool Has(string key) => string.Equals(Key, key, StringComparison.OrdinalIgnoreCase);
    }
}
