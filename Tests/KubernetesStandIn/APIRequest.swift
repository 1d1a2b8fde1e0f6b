import KubernetesClient

/// A request as it came.
public struct APIRequest: Sendable {
    /// The method, such as `GET`.
    public let method: String
    /// The path and the query as they were sent.
    public let target: String
    /// The header fields by lower-case name.
    public let headers: [String: String]
    /// The body.
    public let body: [UInt8]

    var path: [String] {
        target.prefix { $0 != "?" }.split(separator: "/").map { percentDecoded($0) }
    }

    /// The query's items, decoded; of a name that comes twice the first counts.
    public var query: [String: String] {
        guard let mark = target.firstIndex(of: "?") else { return [:] }
        var items: [String: String] = [:]
        for item in target[target.index(after: mark)...].split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = percentDecoded(parts[0])
            if items[name] == nil { items[name] = parts.count > 1 ? percentDecoded(parts[1]) : "" }
        }
        return items
    }
}

func percentDecoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
            bytes.append(value)
            rest = rest.dropFirst(2)
        } else {
            bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// What a request is about.
struct Route {
    var verb: String
    var kind: ResourceKind
    var namespace: String
    var name: String?
    var subresource: String?

    /// What stands for a namespace where something belongs to the cluster.
    static let cluster = ""

    var access: ResourceAccess {
        ResourceAccess(verb: verb, group: kind.group, resource: kind.resource, subresource: subresource)
    }

    /// - Returns: `nil` for a path or method that the stand-in does not serve.
    init?(_ request: APIRequest) {
        let path = request.path
        let kind: ResourceKind
        let rest: ArraySlice<String>
        switch path.first {
        case "api" where path.count >= 5 && path[1] == "v1" && path[2] == "namespaces":
            guard let found = [ResourceKind.pods, .events].first(where: { $0.resource == path[4] }) else { return nil }
            kind = found
            namespace = path[3]
            rest = path[5...]
        case "apis" where path.count >= 6 && path[3] == "namespaces":
            guard let found = [ResourceKind.jobs, .leases].first(where: { $0.group == path[1] }),
                found.version == path[2], found.resource == path[5]
            else { return nil }
            kind = found
            namespace = path[4]
            rest = path[6...]
        case "apis" where path == ["apis", "authentication.k8s.io", "v1", "tokenreviews"]:
            kind = .tokenReviews
            namespace = Self.cluster
            rest = []
        default: return nil
        }
        self.kind = kind
        name = rest.first
        subresource = rest.dropFirst().first
        guard rest.count <= 2, subresource == nil || kind == .pods && subresource == "log" else { return nil }
        let isWatch = ["true", "1"].contains(request.query["watch"])
        switch (request.method, name != nil) {
        case ("GET", true): verb = "get"
        case ("GET", false): verb = isWatch ? "watch" : "list"
        case ("POST", false): verb = "create"
        case ("PUT", true): verb = "update"
        case ("PATCH", true): verb = "patch"
        case ("DELETE", true): verb = "delete"
        default: return nil
        }
    }
}

/// Takes a piece of a streamed body.
typealias Write = @Sendable ([UInt8]) async throws -> Void

/// What is answered.
struct APIAnswer: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        /// Pieces as they come; the function gets where to put them.
        case stream(@Sendable (_ write: @escaping Write) async throws -> Void)
    }

    var status = 200
    var fields: [(name: String, value: String)] = []
    var contentType = "application/json"
    var body: Body

    init(_ document: JSONValue, status: Int = 200, warnings: [String] = []) {
        self.status = status
        body = .bytes(document.json() + [0x0A])
        for warning in warnings {
            let escaped = warning.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
            fields.append(("Warning", "299 - \"\(String(escaped))\""))
        }
    }

    init(_ refusal: Refusal) {
        self.init(refusal.document, status: refusal.code)
        fields = refusal.fields
    }

    init(text: String, status: Int = 200) {
        self.status = status
        contentType = "text/plain"
        body = .bytes(Array(text.utf8))
    }

    init(
        contentType: String,
        stream: @escaping @Sendable (_ write: @escaping Write) async throws -> Void
    ) {
        self.contentType = contentType
        body = .stream(stream)
    }
}
