import KubernetesClient

extension APIServer {
    func createLease(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let posted = try document(in: request, kind: "Lease", apiVersion: "coordination.k8s.io/v1")
        let name = try name(in: posted, route)
        try check(posted, name: name)
        var lease = posted
        lease["metadata"]?["namespace"] = .string(route.namespace)
        lease["metadata"]?["uid"] = .string(newUID())
        lease["metadata"]?["creationTimestamp"] = .string(timestamp())
        let key = key(route, name)
        let isDryRun = request.query["dryRun"] == "All"
        let outcome = cluster.store.change { [lease] store -> Result<JSONValue, Refusal> in
            guard store.object(key) == nil else {
                return .failure(Refusal.alreadyExists(name, .leases, isBeingDeleted: false))
            }
            return .success(isDryRun ? lease : store.put(lease, at: key))
        }
        return APIAnswer(try outcome.get(), status: 201)
    }

    func updateLease(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let posted = try document(in: request, kind: "Lease", apiVersion: "coordination.k8s.io/v1")
        let name = route.name ?? ""
        try check(posted, name: name)
        guard let version = posted["metadata"]?["resourceVersion"]?.string, !version.isEmpty else {
            throw Refusal.invalid(
                name, .leases, shownKind: ResourceKind.leases.fullName, detailKind: ResourceKind.leases.resource,
                [
                    (
                        "FieldValueInvalid", "metadata.resourceVersion",
                        "Invalid value: 0: must be specified for an update"
                    )
                ])
        }
        let key = key(route)
        let outcome = cluster.store.change { store -> Result<JSONValue, Refusal> in
            guard let before = store.object(key) else { return .failure(Refusal.notFound(name, .leases)) }
            guard before["metadata"]?["resourceVersion"]?.string == version else {
                return .failure(Refusal.modified(name, .leases))
            }
            var after = before
            after["spec"] = posted["spec"]
            return .success(store.put(after, at: key))
        }
        return APIAnswer(try outcome.get())
    }

    private func check(_ lease: JSONValue, name: String) throws(Refusal) {
        for field in ["acquireTime", "renewTime"] {
            guard let time = lease["spec"]?[field]?.string else { continue }
            let fraction = time.split(separator: ".", maxSplits: 1).dropFirst().first?.prefix { $0.isNumber } ?? ""
            guard Timestamp(time) != nil, fraction.count == 6 else {
                throw Refusal.badRequest(
                    "Lease in version \"v1\" cannot be handled as a Lease: parsing time \"\(time)\" as "
                        + "\"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"")
            }
        }
        if let duration = lease["spec"]?["leaseDurationSeconds"]?.int, duration <= 0 {
            throw Refusal.invalid(
                name, .leases,
                [
                    (
                        "FieldValueInvalid", "spec.leaseDurationSeconds",
                        "Invalid value: \(duration): must be greater than 0"
                    )
                ])
        }
    }
}
