internal import HTTPTransport
internal import HTTPTypes
internal import Metrics

/// What is counted of the conversation with registries.
public enum RegistryMetrics {
    /// What a request is for.
    public enum Operation: String, Sendable, CaseIterable {
        /// `GET /v2/`.
        case ping
        /// A page of a repository's tags.
        case listTags = "list_tags"
        /// A page of the catalog, or the token for it.
        case listRepositories = "list_repositories"
        /// A manifest, or what is known of it.
        case readManifest = "read_manifest"
        /// A blob.
        case readBlob = "read_blob"
        /// A manifest that is written under a tag.
        case pushManifest = "push_manifest"
        /// A token from the registry's token server, for all but the catalog, which many registries keep to themselves.
        case token
        /// Anything else.
        case other

        /// Reads it off the request; a repository may be called anything, so the end of the path decides.
        ///
        /// Spec: OCI distribution specification 1.1, "Endpoints".
        init(_ method: HTTPRequest.Method, _ url: HTTPURL) {
            let end = url.path.split(separator: "/").suffix(2)
            self =
                switch (end.first, end.last, method) {
                // First, because a tag may be called anything as well.
                case ("manifests", _, .get), ("manifests", _, .head): .readManifest
                case ("manifests", _, .put): .pushManifest
                case (_, "_catalog", .get): .listRepositories
                case ("tags", "list", .get): .listTags
                case ("blobs", _, .get), ("blobs", _, .head): .readBlob
                case (_, "v2", .get): .ping
                default: .other
                }
        }
    }

    /// Where a listing of tags came from.
    public enum Source: String, Sendable, CaseIterable {
        /// Asked of the registry for this caller.
        case registry
        /// Asked of the registry for another caller at the same time.
        case shared
        /// Kept from before.
        case cache
    }

    /// The outcome of what went well.
    public static let ok = "ok"
    /// The outcome of what did not, where no more is told.
    public static let failed = "failed"

    static func count(_ source: Source) {
        Counter(label: "registry_query_tag_listings_total", dimensions: [("source", source.rawValue)]).increment()
    }

    static func countRenewal(_ outcome: String) {
        Counter(label: "registry_query_registry_token_renewals_total", dimensions: [("outcome", outcome)]).increment()
    }

    /// Counts a request and the time it takes.
    ///
    /// A request that is given up because somebody else has failed or left is not counted.
    /// - Parameters:
    ///   - isLate: Whether a cancellation means that the time is up.
    ///   - outcome: What a request that brings a value comes to.
    static func measured<Value: Sendable>(
        _ operation: Operation, clock: any Clock<Duration>, isLate: () -> Bool = { false },
        outcome: (Value) -> String = { _ in ok }, _ body: () async throws -> Value
    ) async throws -> Value {
        let timeline = Timeline(clock)
        func note(_ outcome: String) {
            let operation = ("operation", operation.rawValue)
            Counter(
                label: "registry_query_registry_requests_total", dimensions: [operation, ("outcome", outcome)]
            ).increment()
            Timer(label: "registry_query_registry_request_duration_seconds", dimensions: [operation])
                .record(duration: timeline.now())
        }
        do {
            let value = try await body()
            note(outcome(value))
            return value
        } catch let error as RegistryError {
            note(error.metricLabel)
            throw error
        } catch let error as TransportError {
            note(RegistryError(error, operation: "").metricLabel)
            throw error
        } catch {
            if isLate() { note(RegistryError.Code.timeout.rawValue) }
            throw error
        }
    }
}

extension RegistryError {
    /// All values of ``metricLabel``.
    public static let metricLabels = Code.known.map { $0.rawValue.lowercased() }.sorted() + ["other"]
}
