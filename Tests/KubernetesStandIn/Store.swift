import Glibc
import KubernetesClient
import Synchronization

/// What the API server keeps: objects, and the history that watches read.
struct Store {
    struct Key: Hashable, Comparable {
        var kind: ResourceKind
        var namespace: String
        var name: String

        static func < (left: Key, right: Key) -> Bool { left.name < right.name }
    }

    struct Change {
        var version: Int
        var key: Key
        /// The object before and after; one of them is missing when it was made or removed.
        var before: JSONValue?
        var after: JSONValue?
        /// `CLOCK_MONOTONIC` when it was stored, just before those who follow were told.
        var nanoseconds = monotonicNanoseconds()
    }

    /// What a listing shows whose further pages are still to be fetched: all objects of a kind as of one moment.
    struct Snapshot {
        struct Key: Hashable {
            var version: Int
            var kind: ResourceKind
            var namespace: String
        }

        var key: Key
        var objects: [JSONValue]
    }

    /// Real clusters are long past 1 when anybody looks.
    static let firstVersion = 2000

    private(set) var objects: [Key: JSONValue] = [:]
    private(set) var version = Store.firstVersion
    private(set) var history: [Change] = []
    /// Watches from before this version get a 410.
    private(set) var compactedVersion = Store.firstVersion
    var snapshots: [Snapshot.Key: Snapshot] = [:]

    func object(_ key: Key) -> JSONValue? { objects[key] }

    func snapshot(_ kind: ResourceKind, in namespace: String) -> Snapshot {
        Snapshot(
            key: Snapshot.Key(version: version, kind: kind, namespace: namespace),
            objects: objects(kind, in: namespace).map(\.object))
    }

    func objects(_ kind: ResourceKind, in namespace: String) -> [(key: Key, object: JSONValue)] {
        objects.filter { $0.key.kind == kind && $0.key.namespace == namespace }
            .map { (key: $0.key, object: $0.value) }.sorted { $0.key < $1.key }
    }

    /// Stores an object under a new version.
    @discardableResult
    mutating func put(_ object: JSONValue, at key: Key) -> JSONValue {
        let before = objects[key]
        if before == object { return object }
        version += 1
        var stored = object
        stored["metadata"]?["resourceVersion"] = .string(String(version))
        objects[key] = stored
        record(Change(version: version, key: key, before: before, after: stored))
        return stored
    }

    /// Changes an object that is there.
    mutating func update(_ key: Key, _ change: (inout JSONValue) -> Void) {
        guard var object = objects[key] else { return }
        change(&object)
        put(object, at: key)
    }

    mutating func remove(_ key: Key) {
        guard var before = objects.removeValue(forKey: key) else { return }
        version += 1
        // The last event shows the object as it was, with the version of its removal.
        before["metadata"]?["resourceVersion"] = .string(String(version))
        record(Change(version: version, key: key, before: before, after: nil))
    }

    private mutating func record(_ change: Change) {
        history.append(change)
        // Tests that run long must not keep everything; who is further behind gets the 410 that he would get.
        if history.count > 20_000 { compact(keeping: 10_000) }
    }

    /// Forgets the history, and every listing whose pages are not all fetched.
    mutating func compact(keeping count: Int = 0) {
        guard history.count > count else {
            if count == 0 { snapshots = [:] }
            return
        }
        history.removeFirst(history.count - count)
        compactedVersion = (history.first?.version).map { $0 - 1 } ?? version
        snapshots = [:]
    }
}

private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The store under a lock, with wake-ups for those who follow it.
final class SharedStore: Sendable {
    private struct State {
        var store = Store()
        var followers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextFollower = 0
    }

    private let state = Mutex(State())

    func read<Result: Sendable>(_ body: (Store) throws -> sending Result) rethrows -> Result {
        try state.withLock { try body($0.store) }
    }

    func change<Result: Sendable>(_ body: (inout Store) throws -> sending Result) rethrows -> Result {
        let (result, followers) = try state.withLock { state in
            (try body(&state.store), Array(state.followers.values))
        }
        for follower in followers { follower.yield() }
        return result
    }

    /// A stream that has an element after each change; several changes may share one.
    func changes() -> AsyncStream<Void> { follow().changes }

    /// The same stream, and a function that gives it an element without a change.
    func follow() -> (changes: AsyncStream<Void>, wake: @Sendable () -> Void) {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.nextFollower += 1
            state.followers[state.nextFollower] = continuation
            return state.nextFollower
        }
        continuation.onTermination = { [self] _ in
            state.withLock { $0.followers[number] = nil }
        }
        return (stream, { continuation.yield() })
    }
}
