internal import FoundationEssentials

/// Decides which callbacks are sent now, and remembers what came of them until the record shows it.
///
/// The builds come from a copy of the record that may be a moment old: without the memory, each delivery would be
/// followed by a second one.
struct CallbackDesk {
    /// How many callbacks are sent at once.
    static let width = 8
    /// How many of them to one host, so that one that hangs leaves room for the others.
    static let widthPerHost = 2

    /// The hosts of those that are being sent or recorded, by ``Build/callbackID``.
    private var busy: [String: String] = [:]
    /// What came of those that were recorded.
    private var recorded: [String: Callback] = [:]

    /// Takes what is to be sent now.
    /// - Parameter owed: All builds whose callback is not over, as they are known.
    /// - Returns: The builds to deal with, and when the next one is due, if there is one that is not due yet.
    mutating func take(from owed: [Build], at now: Date) -> (builds: [Build], next: Date?) {
        let ids = Set(owed.map(\.callbackID))
        recorded = recorded.filter { ids.contains($0.key) }
        var taken: [Build] = []
        var next: Date?
        for build in owed.compactMap({ current($0) }).sorted(by: { $0.callbackDue < $1.callbackDue }) {
            let host = build.callbackHost ?? ""
            guard build.callbackDue <= now else {
                next = min(next ?? build.callbackDue, build.callbackDue)
                continue
            }
            guard busy.count < Self.width, busy.values.count(where: { $0 == host }) < Self.widthPerHost else {
                continue
            }
            busy[build.callbackID] = host
            taken.append(build)
        }
        return (taken, next)
    }

    /// Takes back what ``take(from:at:)`` gave.
    /// - Parameter callback: What is recorded now; `nil` if nothing was.
    mutating func finish(_ build: Build, _ callback: Callback?) {
        busy[build.callbackID] = nil
        if let callback { recorded[build.callbackID] = callback }
    }

    /// A build with what is known of its callback; `nil` if there is nothing to do for it.
    private mutating func current(_ build: Build) -> Build? {
        let id = build.callbackID
        guard busy[id] == nil else { return nil }
        guard let known = recorded[id] else { return build }
        let shown = build.callback ?? Callback()
        if shown.attempts >= known.attempts, shown.status.isFinal || !known.status.isFinal {
            recorded[id] = nil
            return build
        }
        guard !known.status.isFinal else { return nil }
        var build = build
        build.callback = known
        return build
    }
}

extension Build {
    /// When its callback is to be sent.
    fileprivate var callbackDue: Date {
        callback?.status.isFinal == true ? .distantPast : callback?.nextAttemptAt ?? .distantPast
    }
}
