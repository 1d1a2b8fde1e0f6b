import Synchronization

/// The life of a Pod, step by step, as a test wants it.
///
/// The ready-made ones end as the recorded builds did. Times are in seconds of the cluster, which last as long as
/// ``StandInSettings/second``.
public struct PodScript: Sendable {
    /// Something that happens to a Pod.
    public enum Step: Sendable {
        /// Nothing for a while.
        case pause(seconds: Double)
        /// Nothing until the test opens the gate.
        case wait(Gate)
        /// Nothing for the Pod; opens a gate that the test waits for.
        case open(Gate)
        /// A node is found.
        case schedule
        /// No node is found, and why.
        case unschedulable(String)
        /// The node takes the Pod: its containers appear, waiting.
        case accept
        /// The init container starts.
        case initStarts
        /// The init container ends; a message goes into its status.
        case initEnds(exitCode: Int, message: String? = nil)
        /// The build container starts.
        case mainStarts
        /// The container that runs writes a line.
        case log(String)
        /// The build container pushes: the test does so in its place and returns the image's digest.
        ///
        /// An error fails the build with exit code 1 and the error as last line of its log.
        case push(@Sendable (PushContext) async throws -> String)
        /// The build container ends. Without a message a success leaves the metadata of what was pushed, a failure the end of
        /// the log.
        case mainEnds(exitCode: Int, reason: String? = nil, message: String? = nil)
        /// A container cannot start, and why.
        case stuck(isInit: Bool, reason: String, message: String?)
        /// A volume cannot be mounted, for want of the Secret or ConfigMap that it is from: only an Event tells.
        case mountFails(volume: String)
        /// The node throws the Pod out.
        case evict(String)
        /// The Job's deadline passes now.
        case exceedDeadline
    }

    /// What the containers do when they are told to end.
    public enum Termination: Sendable {
        /// They end themselves after so many seconds with exit code 143, as the script with a trap does.
        case trapped(afterSeconds: Double)
        /// They go on until the grace period is over and they are killed with exit code 137.
        case ignored
        /// They end themselves with exit code 143 once the test opens the gate; the grace period is long enough.
        case held(Gate)
    }

    /// What a push is about.
    public struct PushContext: Sendable {
        /// The Job's name.
        public let job: String
        /// The image reference: the build container's variable `IMAGE_TAG`.
        public let image: String
        /// The variables of both containers; the build container's win.
        public let environment: [String: String]
        /// The Job's labels.
        public let labels: [String: String]
        /// The Job's annotations.
        public let annotations: [String: String]
    }

    /// What happens, in order.
    ///
    /// After the last step nothing happens any more.
    public var steps: [Step]
    /// What the containers do when they are told to end.
    ///
    /// Default: end after one second.
    public var termination = Termination.trapped(afterSeconds: 1)

    /// A life of one's own.
    public init(_ steps: [Step]) { self.steps = steps }

    /// This life with a gate before its first step of a kind; at the end if there is none.
    public func waiting(for gate: Gate, before isStep: (Step) -> Bool) -> PodScript {
        var script = self
        script.steps.insert(.wait(gate), at: steps.firstIndex(where: isStep) ?? steps.endIndex)
        return script
    }

    /// This life up to the first step of a kind, that one included, and then nothing more.
    public func until(_ isLast: (Step) -> Bool) -> PodScript {
        var script = self
        if let index = steps.firstIndex(where: isLast) { script.steps = Array(steps[...index]) }
        return script
    }

    /// This life with containers that do not listen when they are told to end.
    public var ignoringTermination: PodScript { terminating(.ignored) }

    /// This life with containers that do something else when they are told to end.
    public func terminating(_ termination: Termination) -> PodScript {
        var script = self
        script.termination = termination
        return script
    }
}

/// Names for kinds of steps, such as `script.waiting(for: gate, before: \.pushes)`.
extension PodScript.Step {
    /// A node is found.
    public var schedules: Bool { if case .schedule = self { true } else { false } }
    /// The node takes the Pod.
    public var accepts: Bool { if case .accept = self { true } else { false } }
    /// The init container starts.
    public var startsInit: Bool { if case .initStarts = self { true } else { false } }
    /// The init container ends.
    public var endsInit: Bool { if case .initEnds = self { true } else { false } }
    /// The build container starts.
    public var startsMain: Bool { if case .mainStarts = self { true } else { false } }
    /// The build container pushes.
    public var pushes: Bool { if case .push = self { true } else { false } }
    /// The build container ends.
    public var endsMain: Bool { if case .mainEnds = self { true } else { false } }
}

/// Holds something back until a test opens it.
public final class Gate: Sendable {
    private enum State {
        case closed([AsyncStream<Void>.Continuation])
        case open
    }

    private let state = Mutex(State.closed([]))

    /// A closed gate.
    public init() {}

    /// Lets everything through from now on.
    public func open() {
        let waiting = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            guard case .closed(let waiting) = state else { return [] }
            state = .open
            return waiting
        }
        for continuation in waiting { continuation.finish() }
    }

    /// Returns once the gate is open.
    /// - Throws: `CancellationError`
    public func wait() async throws {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            switch state {
            case .open: continuation.finish()
            case .closed(let waiting): state = .closed(waiting + [continuation])
            }
        }
        for await _ in stream {}
        try Task.checkCancellation()
    }
}
