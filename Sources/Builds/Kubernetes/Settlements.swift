internal import Synchronization

/// Lets all who look at the same state of a build share what is asked and recorded because of it.
///
/// Without it fifty followers of a build that ends would ask the registry fifty times, and write the same annotations.
final class Settlements: Sendable {
    private let running = Mutex<[String: Task<Build, any Error>]>([:])

    /// What `body` answers, or the answer that somebody else is waiting for.
    ///
    /// It goes on when a caller is cancelled; `body` has to bound its time.
    /// - Parameter key: Stands for the state that is looked at.
    func share(_ key: String, _ body: @escaping @Sendable () async throws -> Build) async throws -> Build {
        let task = running.withLock { running in
            if let task = running[key] { return task }
            let task = Task { [self] in
                defer { self.running.withLock { _ = $0.removeValue(forKey: key) } }
                return try await body()
            }
            running[key] = task
            return task
        }
        return try await task.value
    }
}
