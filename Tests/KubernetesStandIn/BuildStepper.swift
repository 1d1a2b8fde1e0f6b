import KubernetesClient
import Synchronization

/// Lets builds go on one step at a time, and tells when each step happened.
///
/// A stand-in whose ``StandInSettings/script`` is that of a stepper holds every build before its next step.
public final class BuildStepper: Sendable {
    /// What a build does, step by step; it succeeds in the end.
    public enum Step: String, Sendable, CaseIterable {
        /// A node is found.
        case schedule
        /// The clone starts.
        case initStart = "init-start"
        /// The clone has ended.
        case initEnd = "init-end"
        /// The build starts.
        case mainStart = "main-start"
        /// The build has ended, and with it the Job.
        case mainEnd = "main-end"

        fileprivate func begins(with step: PodScript.Step) -> Bool {
            switch self {
            case .schedule: step.schedules
            case .initStart: step.startsInit
            case .initEnd: step.endsInit
            case .mainStart: step.startsMain
            case .mainEnd: step.endsMain
            }
        }
    }

    /// Why there is no further step.
    public enum Refusal: Error {
        /// There is no such Job.
        case noSuchJob
        /// The build has ended.
        case isOver
    }

    /// A build's gates: each step waits for one and opens another when all of it has happened.
    private struct Build {
        var gates = Step.allCases.map { _ in (begin: Gate(), end: Gate()) }
        var next = 0
    }

    private let builds = Mutex<[String: Build]>([:])

    /// A stepper that no stand-in uses yet.
    public init() {}

    /// The life of a Job's Pod.
    public func script(of job: String) -> PodScript {
        let gates = builds.withLock { builds in
            let build = builds[job] ?? Build()
            builds[job] = build
            return build.gates
        }
        var steps: [PodScript.Step] = []
        for step in PodScript.success().steps {
            if case .pause = step { continue }
            if let index = Step.allCases.firstIndex(where: { $0.begins(with: step) }) {
                if index > 0 { steps.append(.open(gates[index - 1].end)) }
                steps.append(.wait(gates[index].begin))
            }
            steps.append(step)
        }
        return PodScript(steps)
    }

    /// Lets a build take its next step.
    /// - Returns: the step, and `CLOCK_MONOTONIC` when the Pod showed it; of the last one, when the Job showed its end.
    /// - Throws: ``Refusal``, and an error if the step does not come about within 10 s.
    public func advance(
        _ job: String, of standIn: KubernetesStandIn
    ) async throws -> (step: Step, monotonicNanoseconds: UInt64) {
        guard standIn.job(job) != nil else { throw Refusal.noSuchJob }
        let taken = builds.withLock { builds -> (step: Step, begin: Gate, end: Gate)? in
            var build = builds[job] ?? Build()
            guard build.next < Step.allCases.count else { return nil }
            let (step, gates) = (Step.allCases[build.next], build.gates[build.next])
            build.next += 1
            builds[job] = build
            return (step, gates.begin, gates.end)
        }
        guard let taken else { throw Refusal.isOver }
        try await standIn.waitUntil("the Job \(job) has a Pod") { !$0.pods(ofJob: job).isEmpty }
        let version = standIn.resourceVersion
        taken.begin.open()
        let isLast = taken.step == .mainEnd
        try await standIn.waitUntil("the build \(job) took the step \(taken.step.rawValue)") { standIn in
            isLast ? standIn.job(job)?.isFinished != false : Self.change(of: job, since: version, in: standIn) != nil
        }
        if !isLast { try await taken.end.wait() }
        let change = Self.change(of: job, since: version, isEnd: isLast, in: standIn)
        return (taken.step, change?.monotonicNanoseconds ?? 0)
    }

    /// The first change of a Job's Pod; or the one with which the Job has ended.
    private static func change(
        of job: String, since version: String, isEnd: Bool = false, in standIn: KubernetesStandIn
    ) -> ObjectChange? {
        standIn.changes(since: version).first { change in
            isEnd
                ? change.kind == .jobs && change.name == job && change.object?.isFinished == true
                : change.kind == .pods
                    && change.object?["metadata"]?["labels"]?["batch.kubernetes.io/job-name"]?.string == job
        }
    }
}
