internal import HTTPTransport

/// Counts the steps of a Dockerfile as the output of a build announces them, stage by stage.
struct StepTally: Equatable, Sendable {
    /// More stages than a Dockerfile has, on more platforms than there are; what comes beyond is not counted.
    private static let mostStages = 200
    /// More steps than an image may have layers; a larger number is no step's.
    private static let mostSteps = 1000

    private struct Stage: Equatable {
        var begun: Int
        var total: Int
    }

    private var stages: [String: Stage] = [:]
    private var newest = ""

    /// Takes the announcement of a step.
    ///
    /// One that comes again, as after an interruption, changes nothing.
    /// - Parameter stage: Tells the stages apart, and the platforms where there are several.
    mutating func announce(_ number: Int, of total: Int, in stage: String, _ instruction: some StringProtocol) {
        guard number >= 1, total >= number, total <= Self.mostSteps else { return }
        if let known = stages[stage] {
            guard number > known.begun, total == known.total else { return }
        } else if stages.count >= Self.mostStages {
            return
        }
        stages[stage] = Stage(begun: number, total: total)
        newest = redacted(instruction, limit: 120)
    }

    /// How many steps of a stage have begun.
    func begun(in stage: String) -> Int { stages[stage]?.begun ?? 0 }

    /// How far the build is; `nil` before its first step.
    ///
    /// A step stands for those before it in its stage: they have begun, also where they are not announced, as a base image that
    /// two stages share is announced for one of them only.
    var progress: Build.Progress? {
        guard !stages.isEmpty else { return nil }
        return Build.Progress(
            step: stages.values.reduce(0) { $0 + $1.begun }, steps: stages.values.reduce(0) { $0 + $1.total },
            instruction: newest)
    }
}
