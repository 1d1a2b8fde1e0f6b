import FoundationEssentials
import HTTPTransport
import HTTPTypes
import OCIDistribution
import Synchronization

/// A registry behind the real client: answers by path, as often as it is asked.
final class RegistryStub: Transport {
    enum Answer: Sendable {
        case body(status: Int, headers: [(String, String)] = [], String)
        case failure(TransportError)
        /// What is said at the time.
        case computed(@Sendable () async throws -> String)
        /// Nothing, until the asking task is cancelled.
        case silence
    }

    private struct State {
        var answers: [String: Answer] = ["/v2/": .body(status: 200, "{}")]
        var asked: [String] = []
        var traces: [(path: String, traceparent: String?)] = []
    }

    private let state = Mutex(State())

    /// The traces that requests to a path belonged to, in order.
    func traces(of path: String) -> [String?] {
        state.withLock { state in state.traces.filter { $0.path == path }.map(\.traceparent) }
    }

    /// What was asked for, in order.
    var asked: [String] { state.withLock { $0.asked } }

    func set(_ path: String, _ answer: Answer) { state.withLock { $0.answers[path] = answer } }

    func setTags(_ tags: [String], of webapp: String) {
        let list = tags.map { "\"\($0)\"" }.joined(separator: ",")
        set("/v2/webapp/\(webapp)/tags/list", .body(status: 200, "{\"name\":\"webapp/\(webapp)\",\"tags\":[\(list)]}"))
    }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        let path = request.url.path
        let answer = state.withLock { state in
            state.asked.append(path)
            state.traces.append((path, request.headerFields.traceparent?.description))
            return state.answers[path]
        }
        switch answer {
        case .body(let status, let headers, let text):
            var fields: HTTPFields = [.contentType: "application/json"]
            for (name, value) in headers { if let name = HTTPField.Name(name) { fields[name] = value } }
            let body: HTTPTransport.ResponseBody = request.method == .head ? .empty : .init(Array(text.utf8))
            return InboundResponse(status: .init(code: status), headerFields: fields, body: body)
        case .computed(let text):
            return InboundResponse(
                status: .ok, headerFields: [.contentType: "application/json"], body: .init(Array(try await text().utf8))
            )
        case .failure(let error):
            throw error
        case .silence:
            while true { try await Task.sleep(for: .seconds(3600)) }
        case nil:
            let code = path.contains("/manifests/") ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN"
            return InboundResponse(
                status: .notFound, headerFields: [.contentType: "application/json"],
                body: .init(Array("{\"errors\":[{\"code\":\"\(code)\",\"message\":\"not known\"}]}".utf8)))
        }
    }

    /// Serves an image under a tag whose configuration is no JSON.
    func setBrokenImage(_ tag: String, of webapp: String) {
        setImage(tag, of: webapp, configuration: "no JSON")
    }

    /// Serves an image under a tag.
    func setImage(_ tag: String, of webapp: String, created: String, labels: [String: String]) {
        let labelText = labels.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
        let config = """
            {"architecture":"arm64","os":"linux","created":"\(created)","config":{"Labels":{\(labelText)}},\
            "rootfs":{"type":"layers","diff_ids":[]}}
            """
        setImage(tag, of: webapp, configuration: config)
    }

    private func setImage(_ tag: String, of webapp: String, configuration config: String) {
        let configDigest = Digest.sha256(of: Array(config.utf8))
        let manifest = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":\
            {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\(configDigest)","size":\(config.utf8.count)},\
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\(configDigest)","size":1000}]}
            """
        let digest = Digest.sha256(of: Array(manifest.utf8))
        let headers = [
            ("Content-Type", "application/vnd.oci.image.manifest.v1+json"), ("Docker-Content-Digest", "\(digest)"),
        ]
        for reference in [tag, "\(digest)"] {
            set("/v2/webapp/\(webapp)/manifests/\(reference)", .body(status: 200, headers: headers, manifest))
        }
        set("/v2/webapp/\(webapp)/blobs/\(configDigest)", .body(status: 200, config))
    }
}
