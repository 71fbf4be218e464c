using Replication.Jobs.Targets;

namespace Replication.Jobs.Tests.Targets;

public sealed class QemuProgramsTests
{
    [Theory]
    [InlineData("qemu-img: /t: Could not open '/t': Permission denied\n", "NoPermission", "qemu-img: /t: Could not open '/t': Permission denied")]
    [InlineData("qemu-img: Could not open '/t': No such file or directory\n", "Missing", "qemu-img: Could not open '/t': No such file or directory")]
    [InlineData("\nqemu-img: Unknown driver 'x'\n", "UnknownFormat", "unknown format (qemu-img: Unknown driver 'x')")]
    [InlineData("qemu-img: Block format 'vdi' has none\n", "Failed", "qemu-img: Block format 'vdi' has none")]
    [InlineData("", "Failed", "qemu-img: ended without a word")]
    [InlineData(
        "qemu-img: /t: Failed to get \"write\" lock\nIs another process using the image [/t]?\n", "InUse",
        "is in use by another process (qemu-img: /t: Failed to get \"write\" lock)")]
    public void What_a_program_says_becomes_one_line(string printed, string trouble, string reason)
    {
        TargetException refusal = QemuPrograms.Refusal("qemu-img", "/t", printed);
        Assert.Equal((trouble, reason), (refusal.Trouble.ToString(), refusal.Reason));
    }
}
