namespace Replication.Jobs.Commands;

/// <summary>Why one action of a transaction would be refused; what a dry run answers.</summary>
/// <param name="Action">Its number in the list, from 0 on.</param>
/// <param name="Class">QMP's class of the error.</param>
/// <param name="Message">One line for people.</param>
public sealed record TransactionFault(int Action, JobErrorClass Class, string Message);
