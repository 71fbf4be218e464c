// The pairs are real processes with deadlines of real time: more of them at once than the smallest machine has cores would measure the machine.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
