using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>Sends the answers to options.</summary>
internal sealed class OptionWriter(HandshakeChannel channel)
{
    public void Reply(Option option, OptionReply reply, ReadOnlySpan<byte> data = default)
    {
        byte[] bytes = new byte[WireSize.OptionReplyHeader + data.Length];
        new OptionReplyHeader(option, reply, (uint)data.Length).Write(bytes);
        data.CopyTo(bytes.AsSpan(WireSize.OptionReplyHeader));
        channel.Write(bytes);
    }

    /// <summary>An error, with a line for the person at the other end.</summary>
    public void Refuse(Option option, OptionReply error, string text) => Reply(option, error, Encoding.UTF8.GetBytes(text));
}
