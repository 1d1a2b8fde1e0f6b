import KubernetesClient
import Synchronization

/// What deletes Jobs and their Pods: the controller for finished Jobs, and the garbage collector.
extension Cluster {
    static let foreground = "foregroundDeletion"
    static let orphan = "orphan"

    func scheduleTTL(_ key: Store.Key) {
        guard !settings.withLock(\.keepsFinishedJobs), let job = store.read({ $0.object(key) }),
            let ttl = job["spec"]?["ttlSecondsAfterFinished"]?.int
        else { return }
        let uid = job["metadata"]?["uid"]
        after(seconds: Double(ttl)) { [self] in
            guard store.read({ $0.object(key)?["metadata"]?["uid"] }) == uid else { return }
            expireTTL(key)
        }
    }

    /// The controller for finished Jobs deletes with Foreground.
    func expireTTL(_ key: Store.Key) {
        guard let job = store.read({ $0.object(key) }), job.isFinished else { return }
        _ = delete(key, policy: "Foreground")
    }

    /// Deletes a Job; returns it if something holds it, and `nil` if it is gone.
    func delete(_ key: Store.Key, policy: String?) -> JSONValue? {
        let (before, after) = store.change { store -> (JSONValue?, JSONValue?) in
            guard let before = store.object(key) else { return (nil, nil) }
            var finalizers = before.finalizers
            let collected = finalizers.filter { $0 == Self.foreground || $0 == Self.orphan }
            finalizers.removeAll { $0 == Self.foreground || $0 == Self.orphan }
            switch policy {
            case "Foreground": finalizers.append(Self.foreground)
            case "Background": break
            case "Orphan": finalizers.append(Self.orphan)
            // Jobs leave their Pods behind unless told otherwise, or told otherwise before.
            default: finalizers += collected.isEmpty ? [Self.orphan] : collected
            }
            guard !finalizers.isEmpty else {
                store.remove(key)
                return (before, nil)
            }
            store.update(key) { job in
                if job["metadata"]?["deletionTimestamp"] == nil {
                    job["metadata"]?["deletionTimestamp"] = .string(timestamp())
                    job["metadata"]?["deletionGracePeriodSeconds"] = 0
                    let generation = job["metadata"]?["generation"]?.int ?? 1
                    job["metadata"]?["generation"] = .number(JSONNumber(generation + 1))
                }
                job["metadata"]?["finalizers"] = .array(finalizers.map(JSONValue.string))
            }
            return (before, store.object(key))
        }
        guard let before else { return nil }
        let pods = pods(of: before)
        // The Job controller lets the Pods of a deleted Job go.
        store.change { store in
            for pod in pods { store.update(pod.key, letGo) }
        }
        self.after(seconds: 0.1) { [self] in await collect(key, job: before) }
        return after
    }

    /// What the garbage collector does after a Job was deleted or lost a finalizer.
    private func collect(_ key: Store.Key, job before: JSONValue) async {
        let job = store.read { $0.object(key) }
        guard let job, job["metadata"]?["uid"] == before["metadata"]?["uid"] else {
            for pod in pods(of: before) { delete(pod.key) }
            return
        }
        if job.finalizers.contains(Self.foreground) {
            for pod in pods(of: job) { delete(pod.key) }
            collectForeground(key)
        } else if job.finalizers.contains(Self.orphan) {
            store.change { store in
                let orphans = store.objects(.pods, in: key.namespace).filter {
                    $0.object["metadata"]?["ownerReferences"]?.array?.first?["uid"] == job["metadata"]?["uid"]
                }
                for pod in orphans { store.update(pod.key) { $0["metadata"]?["ownerReferences"] = nil } }
            }
            release(key, Self.orphan)
        }
    }

    /// The name becomes free once the last Pod is gone.
    func collectForeground(_ key: Store.Key) {
        guard let job = store.read({ $0.object(key) }), job.finalizers.contains(Self.foreground),
            pods(of: job).isEmpty
        else { return }
        release(key, Self.foreground)
    }

    private func release(_ key: Store.Key, _ finalizer: String) {
        store.change { store in
            guard let job = store.object(key) else { return }
            if job.finalizers == [finalizer] {
                store.remove(key)
            } else {
                store.update(key) { $0.removeFinalizer(finalizer) }
            }
        }
    }

    /// A patch has taken the last finalizer of a deleted Job; the garbage collector takes care of what is left of it.
    func jobWasReleased(_ key: Store.Key, job: JSONValue) {
        after(seconds: 0.1) { [self] in await collect(key, job: job) }
    }
}
