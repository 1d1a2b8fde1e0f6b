internal import FoundationEssentials
internal import KubernetesClient
internal import Synchronization

/// What two watches and the logs of running builds tell: every build's Job, its Pod, and how far BuildKit is in it.
///
/// It is one process's copy, at most a moment old while ``isLive``. Nothing is decided from it that a reservation depends on.
final class BuildBoard: Sendable {
    /// A build as its cluster has it.
    struct Entry: Sendable {
        var found: JobBuild
        var pod: Pod?
        var progress: BuildKitProgress?
        /// When the push was first seen.
        var pushingSince: Date?
    }

    fileprivate struct State {
        var jobs: [String: JobBuild] = [:]
        /// Jobs that are no builds of ours, or no more, and that a callback holds.
        var strays: [String: Job] = [:]
        /// By the name of the Job, then by their own.
        var pods: [String: [String: Pod]] = [:]
        var progress: [String: BuildKitProgress] = [:]
        var pushingSince: [String: Date] = [:]
        /// Builds whose Jobs are gone, as they were last; the oldest first.
        var departed: [(id: BuildID, entry: Entry)] = []
        var jobsAreLive = false
        var podsAreLive = false
        var listeners: [ObjectIdentifier: (id: BuildID?, signal: Signal)] = [:]
    }

    /// How many builds are remembered after their Jobs are gone.
    private static let mostDeparted = 64

    private let state = Mutex(State())
    private let naming: ImageNaming

    init(naming: ImageNaming) {
        self.naming = naming
    }

    // MARK: Reading

    /// Whether what is known is current: both watches are open.
    var isLive: Bool { state.withLock { $0.jobsAreLive && $0.podsAreLive } }

    /// The builds there are.
    var entries: [Entry] { state.withLock { state in state.jobs.values.map { state.entry($0) } } }

    /// Jobs that are no builds of ours, or no more, and that a callback holds.
    var strays: [Job] { state.withLock { Array($0.strays.values) } }

    /// A build.
    func entry(_ id: BuildID) -> Entry? {
        state.withLock { state in
            let name = id.description
            // A Job whose name no id can have goes by another.
            let found = state.jobs[name]?.id == id ? state.jobs[name] : state.jobs.values.first { $0.id == id }
            return found.map { state.entry($0) }
        }
    }

    /// A build whose Job is gone, as it was last.
    func departed(_ id: BuildID) -> Entry? { state.withLock { $0.departed.last { $0.id == id }?.entry } }

    /// What the log of a build tells: how far BuildKit is, and when the push was first seen.
    func log(of found: JobBuild) -> (progress: BuildKitProgress?, pushingSince: Date?) {
        guard let uid = found.uid else { return (nil, nil) }
        return state.withLock { ($0.progress[uid], $0.pushingSince[uid]) }
    }

    /// A signal that is raised when something about a build, or about any, has changed.
    ///
    /// It is forgotten when its owner lets go of the listener.
    func listen(to id: BuildID?) -> Listener { Listener(board: self, id: id) }

    /// Keeps a signal on the board for as long as it lives.
    final class Listener: Sendable {
        let signal = Signal()
        private let board: BuildBoard

        fileprivate init(board: BuildBoard, id: BuildID?) {
            self.board = board
            board.state.withLock { $0.listeners[ObjectIdentifier(signal)] = (id, signal) }
        }

        deinit {
            board.state.withLock { state in _ = state.listeners.removeValue(forKey: ObjectIdentifier(signal)) }
        }
    }

    // MARK: Taking in

    /// Takes in what the watch of Jobs tells.
    func apply(_ change: Reflector<Job>.Change) {
        update { state in
            switch change {
            case .listed(let jobs):
                let old = state.jobs
                let builds = jobs.compactMap(build(of:))
                let strays = jobs.filter(isStray)
                state.strays = Dictionary(strays.map { ($0.metadata.name, $0) }) { _, new in new }
                state.jobs = Dictionary(builds.map { ($0.job.metadata.name, $0) }) { _, new in new }
                for gone in old.values where state.jobs[gone.job.metadata.name]?.uid != gone.uid { state.depart(gone) }
                guard strays.isEmpty else { return nil }
                return Set(old.values.map(\.id) + builds.map(\.id))
            case .changed(let job):
                let name = job.metadata.name
                let old = state.jobs[name]
                state.strays[name] = isStray(job) ? job : nil
                guard let build = build(of: job) else {
                    let touched = state.remove(name)
                    return state.strays[name] == nil ? touched : nil
                }
                if let old, old.uid != build.uid { state.depart(old) }
                state.jobs[name] = build
                return [build.id]
            case .removed(let job):
                state.strays[job.metadata.name] = nil
                // The object comes as it was last, which may be newer than what is known.
                if let build = build(of: job), state.jobs[job.metadata.name]?.uid == build.uid {
                    state.jobs[job.metadata.name] = build
                }
                guard state.jobs[job.metadata.name]?.uid == job.metadata.uid else { return [] }
                return state.remove(job.metadata.name)
            case .connected:
                state.jobsAreLive = true
                return nil
            case .interrupted:
                state.jobsAreLive = false
                return nil
            }
        }
    }

    /// Takes in what the watch of Pods tells.
    func apply(_ change: Reflector<Pod>.Change) {
        update { state in
            switch change {
            case .listed(let pods):
                state.pods = [:]
                for pod in pods { state.put(pod) }
                return nil
            case .changed(let pod):
                state.put(pod)
                return state.builds(of: pod)
            case .removed(let pod):
                state.remove(pod)
                return state.builds(of: pod)
            case .connected:
                state.podsAreLive = true
                return nil
            case .interrupted:
                state.podsAreLive = false
                return nil
            }
        }
    }

    /// Takes in how far BuildKit is.
    ///
    /// A log that is read again after a break tells less for a while, which takes nothing back.
    func apply(_ progress: BuildKitProgress, to found: JobBuild, at now: Date) {
        guard let uid = found.uid else { return }
        update { state in
            guard state.jobs[found.job.metadata.name]?.uid == uid,
                progress.lines > state.progress[uid]?.lines ?? 0
            else { return [] }
            state.progress[uid] = progress
            if progress.isPushing, state.pushingSince[uid] == nil { state.pushingSince[uid] = now.inMilliseconds }
            return [found.id]
        }
    }

    private func build(of job: Job) -> JobBuild? {
        guard case .build(let build) = JobBuild.kind(of: job, naming: naming) else { return nil }
        return build
    }

    private func isStray(_ job: Job) -> Bool {
        job.metadata.finalizers.contains(JobKeys.callbackFinalizer) && build(of: job) == nil
    }

    /// Changes the state, and wakes whoever listens to the builds that `change` names; to any, if it names none.
    private func update(_ change: (inout State) -> Set<BuildID>?) {
        let signals = state.withLock { state in
            let touched = change(&state)
            return state.listeners.values.filter { listener in
                guard let touched, let id = listener.id else { return touched?.isEmpty != true }
                return touched.contains(id)
            }.map(\.signal)
        }
        for signal in signals { signal.raise() }
    }
}

extension BuildBoard.State {
    fileprivate func entry(_ found: JobBuild) -> BuildBoard.Entry {
        let pods = pods[found.job.metadata.name].map { Array($0.values) } ?? []
        return BuildBoard.Entry(
            found: found, pod: found.job.pod(among: pods), progress: found.uid.flatMap { progress[$0] },
            pushingSince: found.uid.flatMap { pushingSince[$0] })
    }

    fileprivate mutating func put(_ pod: Pod) {
        guard let job = pod.metadata.labels[JobKeys.Label.jobName] else { return }
        pods[job, default: [:]][pod.metadata.name] = pod
    }

    fileprivate mutating func remove(_ pod: Pod) {
        guard let job = pod.metadata.labels[JobKeys.Label.jobName] else { return }
        pods[job]?[pod.metadata.name] = nil
        if pods[job]?.isEmpty == true { pods[job] = nil }
    }

    fileprivate func builds(of pod: Pod) -> Set<BuildID> {
        Set([pod.metadata.labels[JobKeys.Label.jobName].flatMap { jobs[$0]?.id }].compactMap(\.self))
    }

    /// Takes a Job off; answers whose it was.
    fileprivate mutating func remove(_ name: String) -> Set<BuildID> {
        guard let gone = jobs.removeValue(forKey: name) else { return [] }
        depart(gone)
        return [gone.id]
    }

    /// Remembers a build whose Job is gone.
    fileprivate mutating func depart(_ gone: JobBuild) {
        departed.append((gone.id, entry(gone)))
        if departed.count > BuildBoard.mostDeparted { departed.removeFirst() }
        if let uid = gone.uid { (progress[uid], pushingSince[uid]) = (nil, nil) }
        let name = gone.job.metadata.name
        let uid = gone.uid
        pods[name] = pods[name]?.filter { pod in !pod.value.metadata.ownerReferences.contains { $0.uid == uid } }
        if pods[name]?.isEmpty == true { pods[name] = nil }
    }
}
