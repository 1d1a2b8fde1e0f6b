import KubernetesClient
import Synchronization

/// Writes the events of a watch as they happen.
struct WatchStream: Sendable {
    let cluster: Cluster
    let kind: ResourceKind
    let namespace: String
    let selector: Selector
    /// 0 is anything recent: what exists comes first.
    let start: Int
    let wantsBookmarks: Bool
    let wantsInitialEnd: Bool
    let timeoutSeconds: Double

    func run(_ write: @escaping Write) async throws {
        count(1)
        defer { count(-1) }
        let (changes, wake) = cluster.store.follow()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await follow(changes, write) }
            group.addTask { try await cluster.sleep(seconds: timeoutSeconds) }
            if wantsBookmarks {
                group.addTask {
                    while true {
                        try await cluster.sleep(seconds: 60)
                        wake()
                    }
                }
            }
            // Whichever is first ends the watch; the other is cancelled with the group.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func count(_ change: Int) {
        cluster.watchCount.withLock { $0 += change }
        // Whoever waits for a watch to begin or to end looks again.
        cluster.store.change { _ in }
    }

    private func follow(_ changes: AsyncStream<Void>, _ write: Write) async throws {
        let (compacted, current, existing) = cluster.store.read { store in
            (store.compactedVersion, store.version, store.objects(kind, in: namespace).map(\.object))
        }
        var version = start
        if start == 0 {
            for object in existing where selector.matches(object) { try await send("ADDED", object, write) }
            version = current
            if wantsInitialEnd { try await bookmark(version, isInitialEnd: true, write) }
        } else if start < compacted {
            let refusal = Refusal(
                code: 410, reason: "Expired", message: "too old resource version: \(start) (\(compacted))")
            try await send("ERROR", refusal.document, write)
            return
        }
        try await catchUp(&version, write)
        var bookmarked = ContinuousClock.now
        for await _ in changes {
            try await catchUp(&version, write)
            guard wantsBookmarks, ContinuousClock.now - bookmarked >= cluster.second * 50 else { continue }
            try await bookmark(version, isInitialEnd: false, write)
            bookmarked = .now
        }
    }

    private func catchUp(_ version: inout Int, _ write: Write) async throws {
        let from = version
        let (missed, current) = cluster.store.read { store in
            // The history is in order; what is new is at its end.
            (Array(store.history.reversed().prefix { $0.version > from }.reversed()), store.version)
        }
        for change in missed where change.key.kind == kind && change.key.namespace == namespace {
            try await send(change, write)
        }
        version = max(version, current)
        // Real bookmarks come about once a minute; here also whenever something happened that the watch does not show.
        if wantsBookmarks, let last = missed.last, last.key.kind != kind {
            try await bookmark(version, isInitialEnd: false, write)
        }
    }

    /// An object that begins or ceases to match the selector comes and goes for this watch.
    private func send(_ change: Store.Change, _ write: Write) async throws {
        let matched = change.before.map(selector.matches) ?? false
        let matches = change.after.map(selector.matches) ?? false
        switch (matched, matches) {
        case (false, true): try await send("ADDED", change.after, write)
        case (true, true): try await send("MODIFIED", change.after, write)
        case (true, false):
            var last = change.before
            last?["metadata"]?["resourceVersion"] = .string(String(change.version))
            try await send("DELETED", last, write)
        case (false, false): break
        }
    }

    private func bookmark(
        _ version: Int, isInitialEnd: Bool, _ write: Write
    ) async throws {
        var object: JSONValue = [
            "kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion),
            "metadata": ["resourceVersion": .string(String(version))], "spec": ["containers": .null], "status": [:],
        ]
        if isInitialEnd { object["metadata"]?["annotations"] = ["k8s.io/initial-events-end": "true"] }
        try await send("BOOKMARK", object, write)
    }

    private func send(
        _ type: String, _ object: JSONValue?, _ write: Write
    ) async throws {
        let event: JSONValue = ["type": .string(type), "object": object ?? .null]
        try await write(event.json() + [0x0A])
    }
}

/// Writes a container's log, now or as it grows.
struct LogReader: Sendable {
    let log: ContainerLog
    let cluster: Cluster
    let follows: Bool
    let tail: Int?
    let limit: Int?
    let since: Timestamp?
    let showsTimes: Bool

    func run(_ write: Write) async throws {
        let changes = log.changes()
        var position = 0
        var budget = limit ?? .max
        var state = log.lines(from: 0)
        if let tail {
            position = max(0, state.lines.count - tail)
            state = log.lines(from: position)
        }
        try await self.write(state.lines, &budget, write)
        position += state.lines.count
        guard follows, budget > 0 else { return }
        if !state.hasEnded {
            for await _ in changes {
                let new = log.lines(from: position).lines
                try await self.write(new, &budget, write)
                position += new.count
                if budget == 0 { return }
            }
            try await self.write(log.lines(from: position).lines, &budget, write)
        }
        // A followed log ends about a second after its container.
        try await cluster.sleep(seconds: 1)
    }

    private func write(
        _ lines: ArraySlice<ContainerLog.Line>, _ budget: inout Int, _ write: Write
    ) async throws {
        for line in lines {
            if let since, let time = Timestamp(line.time), time < since { continue }
            let bytes = Array(((showsTimes ? "\(line.time) " : "") + line.text + "\n").utf8).prefix(budget)
            budget -= bytes.count
            if !bytes.isEmpty { try await write(Array(bytes)) }
        }
    }
}
