import FoundationEssentials
import KubernetesClient

extension APIServer {
    // MARK: Lists

    func list(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let query = request.query
        let selector = try Selector(labels: query["labelSelector"], fields: query["fieldSelector"], of: route.kind)
        let current = cluster.store.read(\.version)
        if let version = query["resourceVersion"].flatMap(Int.init), version > current {
            var refusal = Refusal(
                code: 504, reason: "Timeout",
                message: "Timeout: Too large resource version: \(version), current: \(current)",
                details: [
                    "causes": [["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]],
                    "retryAfterSeconds": 1,
                ])
            refusal.fields = [("Retry-After", "1")]
            throw refusal
        }
        if query["resourceVersionMatch"] == "Exact", let version = query["resourceVersion"].flatMap(Int.init),
            version < cluster.store.read(\.compactedVersion)
        {
            throw Refusal(
                code: 410, reason: "Expired", message: "The resourceVersion for the provided list is too old.")
        }

        let limit = query["limit"].flatMap(Int.init) ?? 0
        var listing: Store.Snapshot
        var start: String?
        if let token = query["continue"], !token.isEmpty {
            (listing, start) = try continued(token, route)
        } else {
            listing = snapshot(route)
        }
        let rest = listing.objects.filter { object in
            selector.matches(object) && start.map { name(of: object) > $0 } ?? true
        }
        let page = limit > 0 ? Array(rest.prefix(limit)) : rest
        let version = listing.key.version
        var metadata: JSONValue = ["resourceVersion": .string(String(version))]
        if page.count < rest.count, let last = page.last {
            cluster.store.change { [listing] in $0.snapshots[listing.key] = listing }
            metadata["continue"] = .string(Self.token(version: version, after: name(of: last)))
        }
        // The objects of a list do not repeat what they are.
        let items = page.map { object in
            var item = object
            item["kind"] = nil
            item["apiVersion"] = nil
            return item
        }
        return APIAnswer([
            "kind": .string("\(route.kind.kind)List"), "apiVersion": .string(route.kind.apiVersion),
            "metadata": metadata,
            "items": .array(items),
        ])
    }

    private func snapshot(_ route: Route) -> Store.Snapshot {
        cluster.store.read { $0.snapshot(route.kind, in: route.namespace) }
    }

    private func continued(_ token: String, _ route: Route) throws(Refusal) -> (Store.Snapshot, String) {
        let padded = token + String(repeating: "=", count: (4 - token.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let decoded = try? JSONValue(json: [UInt8](data)),
            let version = decoded["rv"]?.int, let start = decoded["start"]?.string
        else {
            throw Refusal.badRequest(
                "invalid continue token: continue key is not valid: invalid character '\\u009e' looking for beginning of value"
            )
        }
        let name = String(start.drop { $0 == "/" }.prefix { $0 != "\0" })
        if version == -1 { return (snapshot(route), name) }
        let key = Store.Snapshot.Key(version: version, kind: route.kind, namespace: route.namespace)
        guard let snapshot = cluster.store.read({ $0.snapshots[key] }) else {
            throw Refusal(
                code: 410, reason: "Expired",
                message:
                    "The provided continue parameter is too old to display a consistent list result. You can start a new "
                    + "list without the continue parameter, or use the continue token in this response to retrieve the "
                    + "remainder of the results. Continuing with the provided token results in an inconsistent list - "
                    + "objects that were created, modified, or deleted between the time the first chunk was returned and now "
                    + "may show up in the list.",
                metadata: ["continue": .string(Self.token(version: -1, after: name))])
        }
        return (snapshot, name)
    }

    private static func token(version: Int, after name: String) -> String {
        let token: JSONValue = [
            "v": "meta.k8s.io/v1", "rv": .number(JSONNumber(version)),
            "start": .string((version == -1 ? "" : "/") + name + "\0"),
        ]
        return Data(token.json()).base64EncodedString().filter { $0 != "=" }
    }

    private func name(of object: JSONValue) -> String { object["metadata"]?["name"]?.string ?? "" }

    // MARK: Watches

    func watch(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let query = request.query
        let selector = try Selector(labels: query["labelSelector"], fields: query["fieldSelector"], of: route.kind)
        let text = query["resourceVersion"] ?? ""
        guard text.isEmpty || Int(text) != nil else {
            throw Refusal(
                code: 500, reason: nil,
                message:
                    "resourceVersion: Invalid value: \"\(text)\": strconv.ParseUint: parsing \"\(text)\": invalid syntax"
            )
        }
        let watch = WatchStream(
            cluster: cluster, kind: route.kind, namespace: route.namespace, selector: selector,
            start: Int(text) ?? 0, wantsBookmarks: query["allowWatchBookmarks"] == "true",
            wantsInitialEnd: query["sendInitialEvents"] == "true",
            timeoutSeconds: Double(query["timeoutSeconds"] ?? "") ?? 1800)
        return APIAnswer(contentType: "application/json", stream: { try await watch.run($0) })
    }

    // MARK: Logs

    func log(_ route: Route, _ request: APIRequest) throws(Refusal) -> APIAnswer {
        let pod = try object(route)
        let podName = route.name ?? ""
        let names = PodDocument.initContainers(of: pod) + PodDocument.mainContainers(of: pod)
        let query = request.query
        guard let container = query["container"] ?? PodDocument.mainContainers(of: pod).first, names.contains(container)
        else {
            throw Refusal.badRequest("container \(query["container"] ?? "") is not valid for pod \(podName)")
        }
        if query["previous"] == "true" {
            throw Refusal.badRequest("previous terminated container \"\(container)\" in pod \"\(podName)\" not found")
        }
        let key = key(route)
        switch cluster.progress(of: key)?.containers[container] {
        case .running, .terminated: break
        case .waiting(let reason, _):
            let shown = reason.contains("ImagePull") ? "trying and failing to pull image" : reason
            throw waiting(container, podName, shown)
        case nil:
            let isAccepted = cluster.progress(of: key)?.isAccepted ?? false
            throw waiting(container, podName, isAccepted ? "PodInitializing" : "ContainerCreating")
        }
        guard let log = cluster.log(of: key, container: container) else { throw Refusal.notFound(podName, .pods) }
        let reader = LogReader(
            log: log, cluster: cluster, follows: query["follow"] == "true", tail: query["tailLines"].flatMap(Int.init),
            limit: query["limitBytes"].flatMap(Int.init), since: query["sinceTime"].flatMap(Timestamp.init),
            showsTimes: query["timestamps"] == "true")
        return APIAnswer(contentType: "text/plain", stream: { try await reader.run($0) })
    }

    private func waiting(_ container: String, _ pod: String, _ reason: String) -> Refusal {
        Refusal.badRequest("container \"\(container)\" in pod \"\(pod)\" is waiting to start: \(reason)")
    }
}
