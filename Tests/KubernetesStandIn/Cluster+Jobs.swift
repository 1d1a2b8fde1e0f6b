import KubernetesClient
import Synchronization

/// The controller that runs Jobs.
extension Cluster {
    private func jobKey(ofPod key: Store.Key, _ pod: JSONValue? = nil) -> Store.Key? {
        let pod = pod ?? store.read { $0.object(key) }
        guard let owner = pod?["metadata"]?["ownerReferences"]?.array?.first, let name = owner["name"]?.string,
            let uid = owner["uid"]
        else { return nil }
        let job = Store.Key(kind: .jobs, namespace: key.namespace, name: name)
        return store.read { $0.object(job)?["metadata"]?["uid"] } == uid ? job : nil
    }

    func pods(of job: JSONValue) -> [(key: Store.Key, object: JSONValue)] {
        let namespace = job["metadata"]?["namespace"]?.string ?? ""
        return store.read { $0.objects(.pods, in: namespace) }.filter { pod in
            pod.object["metadata"]?["ownerReferences"]?.array?.first?["uid"] == job["metadata"]?["uid"]
        }
    }

    // MARK: Running Jobs

    /// A Job has been created, or taken up again after it was held back.
    func jobIsThere(_ key: Store.Key) {
        after(seconds: 0.1) { [self] in
            guard let job = store.read({ $0.object(key) }), job["metadata"]?["deletionTimestamp"] == nil else { return }
            if job["spec"]?["suspend"] == true {
                store.change { store in
                    store.update(key) {
                        $0["status"] = ["terminating": 0, "uncountedTerminatedPods": [:], "ready": 0]
                        $0.addCondition("Suspended", "JobSuspended", "Job suspended")
                    }
                }
                return
            }
            let isRefused = podRefusal(job) != nil
            let hasBegun = store.change { store in
                // One that is taken up again at once is looked at twice; only the first look begins, and none after its end.
                guard let found = store.object(key), found["status"]?["startTime"] == nil, !found.isDecided else {
                    return false
                }
                store.update(key) { job in
                    let wasHeldBack = job.hasCondition(["Suspended"])
                    job["status"] = ["startTime": .string(timestamp())]
                    if wasHeldBack { job.addCondition("Suspended", "JobResumed", "Job resumed", holds: false) }
                    if !isRefused { job["status"]?["active"] = 1 }
                    job["status"]?["terminating"] = 0
                    job["status"]?["uncountedTerminatedPods"] = [:]
                    job["status"]?["ready"] = 0
                }
                return true
            }
            guard hasBegun else { return }
            startPod(for: job, attempt: 1)
            if let deadline = job["spec"]?["activeDeadlineSeconds"]?.int {
                let uid = job["metadata"]?["uid"]
                after(seconds: Double(deadline)) { [self] in
                    guard store.read({ $0.object(key)?["metadata"]?["uid"] }) == uid else { return }
                    exceedDeadline(key)
                }
            }
        }
    }

    /// Why a Pod of a Job may not be made, if it may not.
    private func podRefusal(_ job: JSONValue) -> String? {
        let settings = settings.withLock(\.self)
        if settings.warnsOfPodSecurity, isPrivileged(job) {
            return "violates PodSecurity \"baseline:latest\": privileged (container \"buildkit\" must not set "
                + "securityContext.privileged=true)"
        }
        guard let limit = settings.podQuota else { return nil }
        let used = store.read { $0.objects(.pods, in: job["metadata"]?["namespace"]?.string ?? "") }.count { pod in
            !["Succeeded", "Failed"].contains(pod.object["status"]?["phase"]?.string)
        }
        guard used >= limit else { return nil }
        return "exceeded quota: pods, requested: pods=1, used: pods=\(used), limited: pods=\(limit)"
    }

    /// Makes a Job's Pod; tries again later, and later still, as long as that is refused.
    private func startPod(for job: JSONValue, attempt: Int, wait: Double = 1) {
        let namespace = job["metadata"]?["namespace"]?.string ?? ""
        let jobKey = Store.Key(kind: .jobs, namespace: namespace, name: job["metadata"]?["name"]?.string ?? "")
        let suffix = String((0..<5).compactMap { _ in "bcdfghjklmnpqrstvwxz2456789".randomElement() })
        let name = "\(jobKey.name.prefix(57))-\(suffix)"
        if let refusal = podRefusal(job) {
            report(
                ReportedEvent(
                    "FailedCreate", "Error creating: pods \"\(name)\" is forbidden: \(refusal)", by: .jobController),
                about: jobKey)
            after(seconds: wait) { [self] in
                guard let now = store.read({ $0.living(job, at: jobKey) }), !now.isDecided else { return }
                startPod(for: job, attempt: attempt, wait: min(wait * 2, 60))
            }
            return
        }
        let pod = PodDocument.new(for: job, name: name)
        let key = Store.Key(kind: .pods, namespace: namespace, name: name)
        let stored = store.change { store -> JSONValue? in
            // The Job may have been deleted since it was looked at, and nobody would look after its Pod then.
            store.living(job, at: jobKey).map { _ in store.put(pod, at: key) }
        }
        guard let stored else { return }
        syncCounts(jobKey)
        report(
            ReportedEvent("SuccessfulCreate", "Created pod: \(name)", by: .jobController, isWarning: false),
            about: jobKey)
        start(key, pod: stored, job: job, attempt: attempt)
    }

    /// Brings the counts of a Job's status up to date; conditions are set elsewhere.
    func syncCounts(ofJobOwning key: Store.Key) {
        guard let jobKey = jobKey(ofPod: key) else { return }
        syncCounts(jobKey)
    }

    private func syncCounts(_ key: Store.Key) {
        guard let job = store.read({ $0.object(key) }), !job.isDecided else { return }
        var active = 0
        var ready = 0
        var terminating = 0
        let pods = pods(of: job).map(\.object)
        for pod in pods {
            let phase = pod["status"]?["phase"]?.string
            if phase == "Succeeded" || phase == "Failed" {
                // One that has ended stops being active when it is counted.
                if pod.finalizers.contains(jobTrackingFinalizer) { return }
                continue
            }
            if pod["metadata"]?["deletionTimestamp"] == nil { active += 1 } else { terminating += 1 }
            let conditions = pod["status"]?["conditions"]?.array ?? []
            if conditions.contains(where: { $0["type"] == "Ready" && $0["status"] == "True" }) { ready += 1 }
        }
        store.change { store in
            store.update(key) { job in
                // A Job that is going away is not counted to its end any more, but shows when its Pods are gone.
                let isGoing = job["metadata"]?["deletionTimestamp"] != nil
                if isGoing, !pods.isEmpty { return }
                job["status"]?["active"] = active == 0 ? nil : .number(JSONNumber(active))
                job["status"]?["terminating"] = .number(JSONNumber(isGoing ? 0 : terminating))
                job["status"]?["ready"] = .number(JSONNumber(ready))
            }
        }
    }

    /// A Pod has ended by itself, or was thrown out.
    func podHasEnded(_ key: Store.Key) {
        guard let jobKey = jobKey(ofPod: key), let pod = store.read({ $0.object(key) }) else { return }
        let hasSucceeded = pod["status"]?["phase"]?.string == "Succeeded"
        finish(jobKey, pod: key, uid: pod["metadata"]?["uid"] ?? "", hasSucceeded: hasSucceeded)
    }

    /// A Pod has been deleted, and its containers are dead.
    func podIsGone(_ key: Store.Key, pod: JSONValue) {
        guard let jobKey = jobKey(ofPod: key, pod), let job = store.read({ $0.object(jobKey) }) else { return }
        if job["metadata"]?["deletionTimestamp"] != nil {
            // The garbage collector is faster than the controller, which sees only a Job that something else holds.
            collectForeground(jobKey)
            syncCounts(jobKey)
        } else if job.hasTargetCondition, !job.isFinished {
            // The deadline: announced before, final once the Pod is gone.
            store.change { store in
                store.update(jobKey) {
                    $0["status"]?["failed"] = 1
                    $0["status"]?["terminating"] = 0
                    $0["status"]?["uncountedTerminatedPods"] = [:]
                }
                store.update(jobKey) { $0.addCondition("Failed", "DeadlineExceeded", deadlineMessage) }
            }
            scheduleTTL(jobKey)
        } else if !job.isFinished {
            finish(jobKey, pod: key, uid: pod["metadata"]?["uid"] ?? "", hasSucceeded: false)
        }
    }

    private func finish(_ key: Store.Key, pod: Store.Key, uid: JSONValue, hasSucceeded: Bool) {
        guard let job = store.read({ $0.object(key) }), !job.isFinished else { return }
        // Pods of a Job that is going away are let go without being counted.
        guard job["metadata"]?["deletionTimestamp"] == nil else { return }
        let failed = (job["status"]?["failed"]?.int ?? 0) + (hasSucceeded ? 0 : 1)
        if !hasSucceeded, failed <= job["spec"]?["backoffLimit"]?.int ?? 6 {
            store.change { store in
                store.update(key) { $0["status"]?["failed"] = .number(JSONNumber(failed)) }
                store.update(pod, letGo)
            }
            startPod(for: job, attempt: failed + 1)
            return
        }
        let reason = hasSucceeded ? "CompletionsReached" : "BackoffLimitExceeded"
        let message =
            hasSucceeded ? "Reached expected number of succeeded pods" : "Job has reached the specified backoff limit"
        let outcome = hasSucceeded ? "succeeded" : "failed"
        after(seconds: 0.2) { [self] in
            store.change { store in
                guard store.object(key)?["metadata"]?["deletionTimestamp"] == nil else { return }
                store.update(key) { job in
                    job.addCondition(hasSucceeded ? "SuccessCriteriaMet" : "FailureTarget", reason, message)
                    job["status"]?["active"] = nil
                    job["status"]?["ready"] = 0
                    job["status"]?["terminating"] = 0
                    job["status"]?["uncountedTerminatedPods"] = [outcome: [uid]]
                }
                store.update(pod, letGo)
            }
            guard (try? await sleep(seconds: 0.2)) != nil else { return }
            store.change { store in
                guard store.object(key)?["metadata"]?["deletionTimestamp"] == nil else { return }
                store.update(key) { job in
                    job.addCondition(hasSucceeded ? "Complete" : "Failed", reason, message)
                    if hasSucceeded { job["status"]?["completionTime"] = .string(timestamp()) }
                    job["status"]?[outcome] = .number(JSONNumber(hasSucceeded ? 1 : failed))
                    job["status"]?["uncountedTerminatedPods"] = [:]
                }
            }
            scheduleTTL(key)
        }
    }

    func letGo(_ pod: inout JSONValue) { pod.removeFinalizer(jobTrackingFinalizer) }

    private var deadlineMessage: String { "Job was active longer than specified deadline" }

    func exceedDeadline(ofJobOwning key: Store.Key) {
        if let job = jobKey(ofPod: key) { exceedDeadline(job) }
    }

    /// The Job's deadline passes: its Pod is deleted, and the Job fails once it is gone.
    func exceedDeadline(_ key: Store.Key) {
        guard let job = store.read({ $0.object(key) }), !job.isDecided,
            job["metadata"]?["deletionTimestamp"] == nil
        else { return }
        let pods = pods(of: job)
        store.change { store in
            store.update(key) { job in
                job.addCondition("FailureTarget", "DeadlineExceeded", deadlineMessage)
                job["status"]?["active"] = nil
                job["status"]?["terminating"] = .number(JSONNumber(pods.count))
                job["status"]?["ready"] = 0
            }
            if pods.isEmpty {
                store.update(key) { $0.addCondition("Failed", "DeadlineExceeded", deadlineMessage) }
            }
        }
        for pod in pods { delete(pod.key) }
        if pods.isEmpty { scheduleTTL(key) }
    }
}

func isPrivileged(_ job: JSONValue) -> Bool {
    (job["spec"]?["template"]?["spec"]?["containers"]?.array ?? []).contains {
        $0["securityContext"]?["privileged"] == true
    }
}

extension JSONValue {
    var finalizers: [String] { self["metadata"]?["finalizers"]?.array?.compactMap(\.string) ?? [] }

    mutating func removeFinalizer(_ finalizer: String) {
        let rest = finalizers.filter { $0 != finalizer }
        self["metadata"]?["finalizers"] = rest.isEmpty ? nil : .array(rest.map(JSONValue.string))
    }

    /// Whether a Job has its final condition.
    var isFinished: Bool { hasCondition(["Complete", "Failed"]) }

    /// Whether a Job's final condition is announced.
    var hasTargetCondition: Bool { hasCondition(["SuccessCriteriaMet", "FailureTarget"]) }
    /// Whether it has ended, or it is certain how it will.
    var isDecided: Bool { isFinished || hasTargetCondition }

    func hasCondition(_ types: Set<String>) -> Bool {
        (self["status"]?["conditions"]?.array ?? []).contains { types.contains($0["type"]?.string ?? "") }
    }

    mutating func addCondition(_ type: String, _ reason: String, _ message: String, holds: Bool = true) {
        let now = JSONValue.string(timestamp())
        let condition: JSONValue = [
            "type": .string(type), "status": holds ? "True" : "False", "lastProbeTime": now, "lastTransitionTime": now,
            "reason": .string(reason), "message": .string(message),
        ]
        var status = self["status"] ?? [:]
        status["conditions"] = .array((status["conditions"]?.array ?? []) + [condition])
        self["status"] = status
    }
}

extension Store {
    /// A Job as it is now, unless it is gone or going, or another has its name.
    fileprivate func living(_ job: JSONValue, at key: Key) -> JSONValue? {
        guard let now = object(key), now["metadata"]?["uid"] == job["metadata"]?["uid"],
            now["metadata"]?["deletionTimestamp"] == nil
        else { return nil }
        return now
    }
}
