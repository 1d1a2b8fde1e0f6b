/// Failed attempts by source, and when each may be answered: a state machine without a clock of its own.
///
/// The first few in a minute are answered at once. Each further one is answered after the one before it, and after a
/// time that doubles. One that would have to wait too long is refused.
struct FailureLedger: Sendable {
    /// How many in a ``minute`` are answered at once.
    static let free = 5
    static let minute: Duration = .seconds(60)
    /// The first delay, doubled up to the longest.
    static let firstDelay: Duration = .milliseconds(250)
    static let longestDelay: Duration = .seconds(4)
    /// How far ahead a source's answers are put off.
    static let longestQueue: Duration = .seconds(8)
    /// How many sources are known; the one that failed first is forgotten for another.
    static let mostSources = 1024

    /// What becomes of a failed attempt.
    enum Verdict: Equatable, Sendable {
        /// It is answered after so long, which may be not at all.
        case answer(after: Duration)
        /// It is refused at once; after so long there is room for another.
        case refuse(retryAfter: Duration)
    }

    private struct Entry {
        /// When its minute began.
        var begin: Duration
        /// How many attempts of it were, or will be, answered.
        var count = 0
        /// When the last of them is answered.
        var lastAnswer: Duration

        /// Whether nothing is left of it: its minute is over, and all is answered.
        func isOver(at now: Duration) -> Bool { now - begin >= FailureLedger.minute && lastAnswer <= now }

        /// What the next attempt has to wait once those before it are answered.
        var delay: Duration {
            guard count >= FailureLedger.free else { return .zero }
            var delay = FailureLedger.firstDelay
            for _ in FailureLedger.free..<count where delay < FailureLedger.longestDelay { delay *= 2 }
            return min(delay, FailureLedger.longestDelay)
        }
    }

    private var entries: [SourceAddress: Entry] = [:]

    /// How many sources are known now.
    var count: Int { entries.count }

    /// What would become of a failed attempt now.
    func verdict(on source: SourceAddress, at now: Duration) -> Verdict {
        guard let entry = entries[source], !entry.isOver(at: now) else { return .answer(after: .zero) }
        let delay = max(entry.lastAnswer, now) + entry.delay - now
        return delay <= Self.longestQueue ? .answer(after: delay) : .refuse(retryAfter: delay - Self.longestQueue)
    }

    /// Notes a failed attempt.
    mutating func note(_ source: SourceAddress, at now: Duration) -> Verdict {
        let verdict = verdict(on: source, at: now)
        guard case .answer(let delay) = verdict else { return verdict }
        if entries[source]?.isOver(at: now) ?? true {
            entries[source] = nil
            makeRoom(at: now)
        }
        var entry = entries[source] ?? Entry(begin: now, lastAnswer: now)
        entry.count += 1
        entry.lastAnswer = now + delay
        entries[source] = entry
        return verdict
    }

    private mutating func makeRoom(at now: Duration) {
        guard entries.count >= Self.mostSources else { return }
        entries = entries.filter { !$0.value.isOver(at: now) }
        guard entries.count >= Self.mostSources, let first = entries.min(by: { $0.value.begin < $1.value.begin })
        else { return }
        entries[first.key] = nil
    }
}
