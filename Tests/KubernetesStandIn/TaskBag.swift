import Synchronization

/// Tasks that go on beside the requests and end with the stand-in.
final class TaskBag: Sendable {
    private struct State {
        var tasks: [Int: Task<Void, Never>] = [:]
        var next = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Starts a task; none starts any more once the bag is closed.
    @discardableResult
    func add(_ body: @escaping @concurrent @Sendable () async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.next += 1
            let number = state.next
            // Nothing awaits these tasks before the stand-in stops: they are its cluster.
            let task = Task {
                await body()
                self.state.withLock { $0.tasks[number] = nil }
            }
            state.tasks[number] = task
            return task
        }
    }

    /// Cancels all tasks and waits until they are over.
    func close() async {
        let tasks = state.withLock { state in
            state.isClosed = true
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
