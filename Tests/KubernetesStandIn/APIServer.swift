import KubernetesClient
import Synchronization

/// Answers requests as the API server does: who asks, whether he may, what becomes of it.
struct APIServer: Sendable {
    let cluster: Cluster

    func answer(to request: APIRequest) -> APIAnswer {
        do throws(Refusal) {
            return try admitted(request)
        } catch {
            return APIAnswer(error)
        }
    }

    var settings: StandInSettings { cluster.settings.withLock(\.self) }

    private func admitted(_ request: APIRequest) throws(Refusal) -> APIAnswer {
        let user = try user(of: request)
        switch request.path {
        case ["readyz"]:
            var answer = APIAnswer(text: "ok")
            answer.contentType = "text/plain; charset=utf-8"
            return answer
        case ["version"]: return APIAnswer(Self.version)
        case ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] where request.method == "POST":
            return try review(request, user: user)
        default: break
        }
        guard let route = Route(request) else { throw Refusal.unknownPath }
        guard mayDo(route.access, in: route.namespace, user) else {
            let resource = [route.kind.resource, route.subresource].compactMap(\.self).joined(separator: "/")
            throw Refusal.forbidden(
                user: user, verb: route.verb, resource: resource, group: route.kind.group, namespace: route.namespace)
        }
        switch (route.kind, route.verb) {
        case (.pods, "get") where route.subresource == "log": return try log(route, request)
        case (_, "get"): return APIAnswer(try object(route))
        case (_, "list"): return try list(route, request)
        case (_, "watch"): return try watch(route, request)
        case (.jobs, "create"): return try createJob(route, request)
        case (.jobs, "patch"): return try patchJob(route, request)
        case (.jobs, "delete"): return try deleteJob(route, request)
        case (.leases, "create"): return try createLease(route, request)
        case (.leases, "update"): return try updateLease(route, request)
        case (.tokenReviews, "create"): return try reviewToken(request)
        default: throw Refusal.unknownPath
        }
    }

    /// No token at all is somebody, too, who may do nothing; a wrong one is nobody.
    private func user(of request: APIRequest) throws(Refusal) -> String {
        guard let authorization = request.headers["authorization"] else { return "system:anonymous" }
        guard authorization.hasPrefix("Bearer "), let user = settings.tokens[String(authorization.dropFirst(7))] else {
            throw Refusal.unauthorized
        }
        return user
    }

    private func mayDo(_ access: ResourceAccess, in namespace: String, _ user: String) -> Bool {
        let settings = settings
        let place = access == .tokenReviews ? Route.cluster : settings.namespace
        return user == StandInSettings.account && namespace == place && settings.allowed.contains(access)
    }

    // MARK: Documents

    static let version: JSONValue = [
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
        "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406", "gitTreeState": "clean",
        "buildDate": "2026-08-21T11:29:11Z", "goVersion": "go1.26.6", "compiler": "gc", "platform": "linux/amd64",
    ]

    private func review(_ request: APIRequest, user: String) throws(Refusal) -> APIAnswer {
        let posted = try document(in: request, kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1")
        let attributes = posted["spec"]?["resourceAttributes"]
        let access = ResourceAccess(
            verb: attributes?["verb"]?.string ?? "", group: attributes?["group"]?.string ?? "",
            resource: attributes?["resource"]?.string ?? "", subresource: attributes?["subresource"]?.string)
        let isAllowed = mayDo(access, in: attributes?["namespace"]?.string ?? "", user)
        var spec = posted["spec"] ?? [:]
        if access.group.isEmpty { spec["resourceAttributes"]?["group"] = nil }
        var status: JSONValue = ["allowed": .bool(isAllowed)]
        if isAllowed {
            status["reason"] = .string(
                "RBAC: allowed by RoleBinding \"registry-query/build-system\" of Role \"registry-query\" to ServiceAccount "
                    + "\"registry-query/build-system\"")
        }
        return APIAnswer(
            [
                "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": [:],
                "spec": spec, "status": status,
            ], status: 201)
    }

    /// The body as a document of a kind.
    func document(in request: APIRequest, kind: String, apiVersion: String) throws(Refusal) -> JSONValue {
        let document: JSONValue
        do {
            let isYAML = request.headers["content-type"]?.hasPrefix("application/yaml") == true
            document =
                try isYAML
                ? JSONValue(yaml: String(decoding: request.body, as: UTF8.self)) : JSONValue(json: request.body)
        } catch {
            throw Refusal.badRequest(
                "the object provided is unrecognized (must be of type \(kind)): couldn't get version/kind; json parse error: "
                    + "unexpected end of JSON input (\(String(decoding: request.body, as: UTF8.self)))")
        }
        guard document["kind"]?.string == kind, document["apiVersion"]?.string == apiVersion else {
            let found = document["kind"]?.string ?? ""
            let version = document["apiVersion"]?.string ?? ""
            throw Refusal.badRequest(
                "\(found) in version \"\(version)\" cannot be handled as a \(kind): converting (\(version).\(found)) to "
                    + "(\(apiVersion.split(separator: "/").first ?? "").\(kind)): unknown conversion")
        }
        return document
    }

    func key(_ route: Route, _ name: String? = nil) -> Store.Key {
        Store.Key(kind: route.kind, namespace: route.namespace, name: name ?? route.name ?? "")
    }

    func object(_ route: Route) throws(Refusal) -> JSONValue {
        guard let object = cluster.store.read({ $0.object(key(route)) }) else {
            throw Refusal.notFound(route.name ?? "", route.kind)
        }
        return object
    }

    /// The name in a posted document, whose namespace has to be that of the path.
    func name(in document: JSONValue, _ route: Route) throws(Refusal) -> String {
        let namespace = document["metadata"]?["namespace"]?.string ?? route.namespace
        guard namespace == route.namespace else {
            throw Refusal.badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
        return document["metadata"]?["name"]?.string ?? ""
    }
}
