import KubernetesClient
import Synchronization

extension APIServer {
    func createJob(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let posted = try document(in: request, kind: "Job", apiVersion: "batch/v1")
        let unknown = JobValidation.unknownFields(posted)
        if request.query["fieldValidation"] == "Strict", !unknown.isEmpty {
            let list = unknown.map { "unknown field \"\($0)\"" }.joined(separator: ", ")
            throw Refusal.badRequest(
                "Job in version \"v1\" cannot be handled as a Job: strict decoding error: \(list)")
        }
        let name = try name(in: posted, route)
        var warnings = request.query["fieldValidation"] == "Ignore" ? [] : unknown.map { "unknown field \"\($0)\"" }
        let job = JobDocument.stored(posted, name: name, namespace: route.namespace)
        try JobValidation.check(job, name: name)
        if name.contains(".") {
            warnings.append(
                "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label "
                    + "is recommended: [must not contain dots]")
        }
        let settings = cluster.settings.withLock(\.self)
        if settings.warnsOfPodSecurity, isPrivileged(job) {
            warnings.append(
                "would violate PodSecurity \"baseline:latest\": privileged (container \"buildkit\" must not set "
                    + "securityContext.privileged=true)")
        }

        let key = key(route, name)
        let isDryRun = request.query["dryRun"] == "All"
        // One lock from the look to the write: of many simultaneous creates of one name one succeeds.
        let outcome = cluster.store.change { store -> Result<JSONValue, Refusal> in
            let used = store.objects(.jobs, in: route.namespace).count
            if let limit = settings.jobQuota, used >= limit {
                return .failure(Refusal.quota(name, used: used, limit: limit))
            }
            if let existing = store.object(key) {
                let isBeingDeleted = existing["metadata"]?["deletionTimestamp"] != nil
                return .failure(Refusal.alreadyExists(name, .jobs, isBeingDeleted: isBeingDeleted))
            }
            return .success(isDryRun ? job : store.put(job, at: key))
        }
        let stored = try outcome.get()
        if !isDryRun { cluster.jobIsThere(key) }
        return APIAnswer(stored, status: 201, warnings: warnings)
    }

    func patchJob(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let name = route.name ?? ""
        let contentType = request.headers["content-type"]?.prefix { $0 != ";" } ?? ""
        let isMerge = contentType == "application/merge-patch+json"
        guard isMerge || contentType == "application/json-patch+json" else { throw Refusal.unsupportedMediaType }
        let patch: JSONValue
        do {
            patch = try JSONValue(json: request.body)
        } catch {
            throw Refusal.badRequest("error decoding patch: \(error)")
        }

        let key = key(route)
        let outcome = cluster.store.change { store -> Result<(before: JSONValue, after: JSONValue), Refusal> in
            guard let before = store.object(key) else { return .failure(Refusal.notFound(name, .jobs)) }
            do throws(Refusal) {
                let after = isMerge ? before.merged(with: patch) : try before.patched(with: patch)
                try checkChange(from: before, to: after, name: name)
                if after["metadata"]?["deletionTimestamp"] != nil, after.finalizers.isEmpty {
                    // Nothing holds it any more: the answer is the object as it would have been, under its last version.
                    store.remove(key)
                    var released = after
                    released["metadata"]?["finalizers"] = nil
                    return .success((before, released))
                }
                return .success((before, store.put(after, at: key)))
            } catch {
                return .failure(error)
            }
        }
        let (before, after) = try outcome.get()
        if cluster.store.read({ $0.object(key) }) == nil {
            cluster.jobWasReleased(key, job: before)
        } else if before["spec"]?["suspend"] == true, after["spec"]?["suspend"] != true {
            cluster.jobIsThere(key)
        }
        return APIAnswer(after)
    }

    private func checkChange(from before: JSONValue, to after: JSONValue, name: String) throws(Refusal) {
        guard before["metadata"]?["resourceVersion"] == after["metadata"]?["resourceVersion"] else {
            throw Refusal.modified(name, .jobs)
        }
        // Pod templates may change while a Job is held back, never otherwise.
        guard before["spec"]?["template"] == after["spec"]?["template"] else {
            throw Refusal.invalid(
                name, .jobs,
                [("FieldValueInvalid", "spec.template", "Invalid value: {\"labels\":...}: field is immutable")])
        }
        let added = Set(after.finalizers).subtracting(before.finalizers)
        if before["metadata"]?["deletionTimestamp"] != nil, let finalizer = added.sorted().first {
            throw Refusal.invalid(
                name, .jobs,
                [
                    (
                        "FieldValueForbidden", "metadata.finalizers",
                        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
                            + "[]string{\"\(finalizer)\"}"
                    )
                ])
        }
        try JobValidation.check(after, name: name)
    }

    func deleteJob(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        var options: JSONValue = [:]
        if !request.body.isEmpty {
            options = try document(in: request, kind: "DeleteOptions", apiVersion: "v1")
        }
        let name = route.name ?? ""
        let policy = options["propagationPolicy"]?.string ?? request.query["propagationPolicy"]
        guard [nil, "Foreground", "Background", "Orphan"].contains(policy) else {
            throw Refusal.invalid(
                name, .jobs, [("FieldValueInvalid", "propagationPolicy", "Invalid value: \"\(policy ?? "")\"")])
        }
        let job = try object(route)
        let found = (uid: job["metadata"]?["uid"]?.string, version: job["metadata"]?["resourceVersion"]?.string)
        if let asked = options["preconditions"]?["uid"]?.string, asked != found.uid {
            throw Refusal.otherUID(name, .jobs, asked: asked, found: found.uid ?? "")
        }
        if let asked = options["preconditions"]?["resourceVersion"]?.string, asked != found.version {
            throw Refusal.otherVersion(name, .jobs, asked: asked, found: found.version ?? "")
        }
        let isDefault = policy == nil && job["metadata"]?["deletionTimestamp"] == nil
        let warnings =
            isDefault
            ? [
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or "
                    + "set propagationPolicy=Orphan to suppress this warning"
            ] : []
        if let pending = cluster.delete(key(route), policy: policy) { return APIAnswer(pending, warnings: warnings) }
        var details = Refusal.details(name, .jobs)
        details["uid"] = job["metadata"]?["uid"]
        return APIAnswer(
            [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details,
            ])
    }
}
