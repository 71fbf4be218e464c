using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Replication.Nbd;

/// <summary>Wakes a thread that polls: an eventfd. Setting it is allowed on any thread, also after disposal (then nothing happens).</summary>
internal sealed unsafe class WakeEvent : IDisposable
{
    private readonly SafeFileHandle _handle;

    public WakeEvent()
    {
        int descriptor = Libc.eventfd(0, Libc.EfdCloexecNonblock);
        if (descriptor < 0)
            throw new IOException($"eventfd failed: {Marshal.GetLastPInvokeErrorMessage()}");
        _handle = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>For poll, on the thread that disposes it.</summary>
    public int Descriptor => (int)_handle.DangerousGetHandle();

    public void Set()
    {
        ulong one = 1;
        try
        {
            Libc.write(_handle, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // The loop that it would have woken is gone.
        }
    }

    public void Reset()
    {
        ulong count;
        Libc.read(_handle, &count, sizeof(ulong));
    }

    public void Dispose() => _handle.Dispose();
}
