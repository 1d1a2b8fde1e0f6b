public import FoundationEssentials

extension Build {
    /// How far the making of the image is.
    public struct Progress: Sendable, Equatable {
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
    }

    /// The phases that the build has come to, in order.
    public var phaseTimes: [PhaseTime] {
        let starts = Phase.allCases.compactMap { phase in phaseStarts[phase].map { (phase, $0) } }
        return starts.indices.map { index in
            PhaseTime(
                phase: starts[index].0, startedAt: starts[index].1,
                endedAt: index + 1 < starts.count ? starts[index + 1].1 : finishedAt)
        }
    }
}
