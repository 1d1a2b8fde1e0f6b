internal import SystemPackage

extension LocalBuildStore {
    /// Takes the right to run one build, of as many as there are places; `nil` if all are taken.
    func slot(of places: Int) throws -> FileLock? {
        for place in 0..<places {
            if let lock = try FileLock(root.appending("slots").appending("\(place)")) { return lock }
        }
        return nil
    }

    /// The lock of the one process that may move tags; `nil` if others have it for longer than `longest`.
    func movingTagsLock(within longest: Duration) async throws -> FileLock? {
        try await lock(named: "moving-tags", within: longest, every: .milliseconds(100))
    }

    /// The lock of whoever looks for an idempotency key and reserves a build under it; `nil` if others have it for longer than
    /// `longest`.
    func reservingLock(within longest: Duration) async throws -> FileLock? {
        try prepare()
        return try await lock(named: "reserving", within: longest, every: .milliseconds(10))
    }

    private func lock(named name: String, within longest: Duration, every pause: Duration) async throws -> FileLock? {
        let age = ContinuousClock().stopwatch()
        while true {
            if let lock = try FileLock(root.appending("slots").appending(name)) { return lock }
            guard age() < longest else { return nil }
            try await Task.sleep(for: pause)
        }
    }
}
