import FoundationEssentials
import KubernetesClient
import Synchronization

/// What goes on behind the API server: the node that runs Pods.
///
/// The controllers are in `Cluster+Jobs.swift`.
final class Cluster: Sendable {
    /// A Pod on the node.
    struct RunningPod {
        var script: PodScript
        var progress = PodProgress()
        var logs: [String: ContainerLog]
        var task: Task<Void, Never>?
        var isDying = false
        var digest: String?
    }

    let store = SharedStore()
    let tasks = TaskBag()
    let settings: Mutex<StandInSettings>
    /// How many watches are open.
    let watchCount = Mutex(0)
    private let running = Mutex<[Store.Key: RunningPod]>([:])

    init(settings: StandInSettings) { self.settings = Mutex(settings) }

    // MARK: Time

    var second: Duration { settings.withLock(\.second) }

    func sleep(seconds: Double) async throws { try await Task.sleep(for: second * seconds) }

    /// Does something later, in seconds of the cluster.
    func after(seconds: Double, _ body: @escaping @Sendable () async -> Void) {
        tasks.add { [self] in
            guard (try? await sleep(seconds: seconds)) != nil else { return }
            await body()
        }
    }

    // MARK: Pods

    /// Takes a Pod that has just been stored and lets its script run.
    func start(_ key: Store.Key, pod: JSONValue, job: JSONValue, attempt: Int) {
        let jobName = job["metadata"]?["name"]?.string ?? ""
        let script = settings.withLock(\.script)(jobName, attempt)
        let initNames = PodDocument.initContainers(of: pod)
        let names = initNames + PodDocument.mainContainers(of: pod)
        running.withLock { pods in
            var runningPod = RunningPod(script: script, logs: [:])
            runningPod.progress.initNames = Set(initNames)
            for name in names { runningPod.logs[name] = ContainerLog() }
            pods[key] = runningPod
        }
        let task = tasks.add { [self] in
            do {
                for step in script.steps { try await perform(step, on: key, job: job) }
            } catch {
                // The Pod has been killed, or the stand-in stops.
            }
        }
        running.withLock { $0[key]?.task = task }
    }

    func log(of key: Store.Key, container: String) -> ContainerLog? {
        running.withLock { $0[key]?.logs[container] }
    }

    func progress(of key: Store.Key) -> PodProgress? { running.withLock { $0[key]?.progress } }

    private func perform(_ step: PodScript.Step, on key: Store.Key, job: JSONValue) async throws {
        try Task.checkCancellation()
        switch step {
        case .pause(let seconds): try await sleep(seconds: seconds)
        case .wait(let gate): try await gate.wait()
        case .open(let gate): gate.open()
        case .schedule:
            advance(key) {
                $0.unschedulable = nil
                $0.isScheduled = true
            }
            store.change { store in
                store.update(key) { $0["spec"]?["nodeName"] = "node-1" }
            }
            report(.scheduled(key), about: key)
        case .unschedulable(let reason):
            advance(key) { $0.unschedulable = reason }
            report(.unschedulable(reason), about: key)
        case .accept: advance(key) { $0.isAccepted = true }
        case .initStarts: run(container(of: key, isInit: true), of: key)
        case .mainStarts: run(container(of: key, isInit: false), of: key)
        case .initEnds(let code, let message):
            end(container(of: key, isInit: true), of: key, exitCode: code, reason: nil, message: message)
            if code != 0 { try await settle(key) }
        case .mainEnds(let code, let reason, let message):
            let success = code == 0 ? metadata(of: key, job: job) : nil
            end(
                container(of: key, isInit: false), of: key, exitCode: code, reason: reason, message: message ?? success)
            try await settle(key)
        case .log(let line): runningLog(of: key)?.append(line)
        case .push(let push): try await perform(push, of: key, job: job)
        case .stuck(let isInit, let reason, let message):
            let name = container(of: key, isInit: isInit)
            advance(key) { $0.containers[name] = .waiting(reason: reason, message: message) }
            let image = PodDocument.image(of: name, in: store.read { $0.object(key) } ?? .null)
            for event in ReportedEvent.stuck(image: image, reason, message) { report(event, about: key) }
        case .mountFails(let volume):
            let pod = store.read { $0.object(key) } ?? .null
            report(.mountFailed(volume, of: pod), about: key)
        case .evict(let message): try await evict(key, message)
        case .exceedDeadline: exceedDeadline(ofJobOwning: key)
        }
    }

    private func perform(
        _ push: @Sendable (PodScript.PushContext) async throws -> String, of key: Store.Key, job: JSONValue
    ) async throws {
        do {
            let digest = try await push(pushContext(job))
            running.withLock { $0[key]?.digest = digest }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            runningLog(of: key)?.append("error: failed to solve: failed to push: \(error)")
            end(container(of: key, isInit: false), of: key, exitCode: 1, reason: "Error", message: nil)
            try await settle(key)
            throw CancellationError()
        }
    }

    private func pushContext(_ job: JSONValue) -> PodScript.PushContext {
        let spec = job["spec"]?["template"]?["spec"]
        var environment: [String: String] = [:]
        for list in ["initContainers", "containers"] {
            for container in spec?[list]?.array ?? [] {
                for variable in container["env"]?.array ?? [] {
                    if let name = variable["name"]?.string { environment[name] = variable["value"]?.string }
                }
            }
        }
        func strings(_ value: JSONValue?) -> [String: String] {
            Dictionary(uniqueKeysWithValues: (value?.object?.members ?? []).map { ($0.name, $0.value.string ?? "") })
        }
        return PodScript.PushContext(
            job: job["metadata"]?["name"]?.string ?? "", image: environment["IMAGE_TAG"] ?? "",
            environment: environment,
            labels: strings(job["metadata"]?["labels"]), annotations: strings(job["metadata"]?["annotations"]))
    }

    /// What BuildKit's metadata file says, as the build script leaves it in the termination log.
    private func metadata(of key: Store.Key, job: JSONValue) -> String? {
        guard let digest = running.withLock({ $0[key]?.digest }) else { return nil }
        let metadata: JSONValue = [
            "containerimage.digest": .string(digest),
            "image.name": .string(pushContext(job).image),
        ]
        return String(decoding: metadata.json(), as: UTF8.self)
    }

    private func container(of key: Store.Key, isInit: Bool) -> String {
        let pod = store.read { $0.object(key) } ?? .null
        return (isInit ? PodDocument.initContainers(of: pod) : PodDocument.mainContainers(of: pod)).first ?? ""
    }

    private func runningLog(of key: Store.Key) -> ContainerLog? {
        running.withLock { pods in
            guard let pod = pods[key] else { return nil }
            return pod.logs.first { pod.progress.isRunning($0.key) }?.value
        }
    }

    private func run(_ name: String, of key: Store.Key) {
        advance(key) { $0.containers[name] = .running(since: timestamp()) }
    }

    private func end(_ name: String, of key: Store.Key, exitCode: Int, reason: String?, message: String?) {
        let log = log(of: key, container: name)
        // The recorded containers fall back to the end of their log after a failure.
        let left = message ?? (exitCode == 0 ? nil : log?.tail)
        advance(key) { progress in
            guard case .running(let since) = progress.containers[name] else { return }
            progress.containers[name] = .terminated(
                PodProgress.Termination(
                    exitCode: exitCode, reason: reason ?? (exitCode == 0 ? "Completed" : "Error"),
                    message: left == "" ? nil : left, startedAt: since, finishedAt: timestamp()))
        }
        log?.end()
    }

    /// The node draws its conclusion a moment after the last container has ended, and the Job controller from that.
    private func settle(_ key: Store.Key) async throws {
        try await sleep(seconds: 0.2)
        advance(key) { $0.isSettled = true }
        podHasEnded(key)
    }

    private func evict(_ key: Store.Key, _ message: String) async throws {
        let runs = running.withLock { pods in pods[key].map { pod in pod.logs.keys.filter(pod.progress.isRunning) } }
        for name in runs ?? [] {
            end(
                name, of: key, exitCode: 137, reason: "Error", message: "Error on reading termination message from logs"
            )
        }
        advance(key) {
            $0.eviction = message
            $0.isSettled = true
        }
        report(ReportedEvent("Evicted", message, by: .kubelet), about: key)
        podHasEnded(key)
    }

    /// Changes how far a Pod has come, and its document with it.
    private func advance(_ key: Store.Key, _ change: (inout PodProgress) -> Void) {
        running.withLock { pods in
            guard var pod = pods[key] else { return }
            change(&pod.progress)
            pods[key] = pod
            let progress = pod.progress
            store.change { store in
                store.update(key) { $0["status"] = PodDocument.status(of: $0, at: progress) }
            }
        }
        syncCounts(ofJobOwning: key)
    }

    // MARK: Deleting Pods

    /// Deletes a Pod as the API server does: one that has ended goes at once, another gets its grace period.
    func delete(_ key: Store.Key) {
        guard let pod = store.read({ $0.object(key) }) else { return }
        let phase = pod["status"]?["phase"]?.string
        let grace = pod["spec"]?["terminationGracePeriodSeconds"]?.int ?? 30
        let state = running.withLock { pods -> (isDying: Bool, termination: PodScript.Termination, runs: Bool)? in
            guard let running = pods[key] else { return nil }
            pods[key]?.isDying = true
            let runs = running.logs.keys.contains(where: running.progress.isRunning)
            return (running.isDying, running.script.termination, runs)
        }
        guard let state, !state.isDying else { return }
        let isOver = phase == "Succeeded" || phase == "Failed"
        let end: (seconds: Double, gate: Gate?, exitCode: Int) =
            switch state.termination {
            case _ where isOver || !state.runs: (0, nil, 0)
            case .trapped(let seconds) where seconds < Double(grace): (seconds, nil, 143)
            case .held(let gate): (0, gate, 143)
            default: (Double(grace), nil, 137)
            }
        let shownGrace = end.seconds == 0 && end.gate == nil ? 0 : grace
        store.change { store in
            store.update(key) { pod in
                pod["metadata"]?["deletionTimestamp"] = .string(timestamp(in: shownGrace))
                pod["metadata"]?["deletionGracePeriodSeconds"] = .number(JSONNumber(shownGrace))
            }
        }
        syncCounts(ofJobOwning: key)
        after(seconds: end.seconds) { [self] in
            if let gate = end.gate, (try? await gate.wait()) == nil { return }
            await kill(key, exitCode: end.exitCode)
        }
    }

    private func kill(_ key: Store.Key, exitCode: Int) async {
        let pod = running.withLock { $0[key] }
        pod?.task?.cancel()
        // Whatever a push hook still does, it has done before the Pod is gone.
        await pod?.task?.value
        for name in (pod?.logs ?? [:]).keys.sorted() where pod?.progress.isRunning(name) ?? false {
            if exitCode == 143 {
                let isInit = pod?.progress.initNames.contains(name) ?? false
                log(of: key, container: name)?.append(isInit ? "clone cancelled" : "build cancelled")
            }
            end(name, of: key, exitCode: exitCode, reason: "Error", message: nil)
        }
        let isFailure = exitCode != 0
        if isFailure { advance(key) { $0.isSettled = true } }
        for log in (pod?.logs ?? [:]).values { log.end() }
        let gone = store.change { store in
            defer { store.remove(key) }
            return store.object(key)
        }
        _ = running.withLock { $0.removeValue(forKey: key) }
        if let gone { podIsGone(key, pod: gone) }
    }
}
