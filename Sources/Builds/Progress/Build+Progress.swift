public import FoundationEssentials

extension Build {
    /// How far the making of the image is.
    public struct Progress: Sendable, Equatable, Codable {
        /// How many steps of the Dockerfile have begun, of all its stages; from 1 on.
        public var step: Int
        /// How many steps there are, as far as is known: never less than ``step``.
        public var steps: Int
        /// The step that began last, as the Dockerfile has it; bounded.
        public var instruction: String

        /// Puts it together.
        public init(step: Int, steps: Int, instruction: String) {
            self.step = step
            self.steps = max(step, steps)
            self.instruction = instruction
        }
    }

    /// A phase that a build has come to.
    public struct PhaseTime: Sendable, Equatable {
        /// What it did.
        public var phase: Phase
        /// When it began with that.
        public var startedAt: Date
        /// When the next phase began, or the build ended; `nil` while it lasts.
        public var endedAt: Date?
        /// How long it took; `nil` while it lasts.
        public var duration: Duration? { endedAt?.since(startedAt) }
    }

    /// The phases that the build has come to, in order.
    ///
    /// None begins before the one before it, or ends before it begins: the times are from several clocks, some of them in whole
    /// seconds.
    public var phaseTimes: [PhaseTime] {
        var times: [PhaseTime] = []
        for phase in Phase.allCases {
            guard var start = phaseStarts[phase] else { continue }
            if let finishedAt { start = min(start, finishedAt) }
            if let last = times.last { start = max(start, last.startedAt) }
            if !times.isEmpty { times[times.count - 1].endedAt = start }
            times.append(PhaseTime(phase: phase, startedAt: start))
        }
        if let finishedAt, let last = times.last { times[times.count - 1].endedAt = max(finishedAt, last.startedAt) }
        return times
    }
}

extension [Build.Phase: Date] {
    /// The names of the phases and the times, for a record.
    var named: [String: Date] { [String: Date](uniqueKeysWithValues: map { ($0.key.rawValue, $0.value) }) }

    /// Reads ``named``; what is no phase is passed over.
    init(named times: [String: Date]) {
        self.init(
            uniqueKeysWithValues: times.compactMap { time in Build.Phase(rawValue: time.key).map { ($0, time.value) } })
    }
}

extension Date {
    /// In whole milliseconds, which every record keeps.
    var inMilliseconds: Date { Date(timeIntervalSince1970: (timeIntervalSince1970 * 1000).rounded() / 1000) }

    /// The time from another to this one, to the millisecond.
    func since(_ start: Date) -> Duration { .milliseconds(Int64((timeIntervalSince(start) * 1000).rounded())) }
}
