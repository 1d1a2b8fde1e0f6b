internal import Metrics

/// What is counted of the calls to the API server.
public enum KubernetesMetrics {
    /// The outcome of what went well.
    public static let ok = "ok"

    /// Counts one request: the head of its answer and, unless that is a stream, its body.
    ///
    /// A request that the caller gives up is not counted.
    static func counted<Value: Sendable>(
        _ operation: KubernetesOperation, _ body: () async throws -> Value
    ) async throws -> Value {
        func note(_ outcome: String) {
            Counter(
                label: "registry_query_kubernetes_requests_total",
                dimensions: [("operation", operation.metricLabel), ("outcome", outcome)]
            ).increment()
        }
        do {
            let value = try await body()
            note(ok)
            return value
        } catch let error as KubernetesError {
            note(error.metricLabel)
            throw error
        }
    }

    static func countRestart(of resource: String) {
        Counter(label: "registry_query_watch_restarts_total", dimensions: [("resource", resource)]).increment()
    }
}

extension KubernetesClient {
    /// Brings up to date what depends on the time: for how long what is known by ``Reflector``s has not been current.
    ///
    /// To be called before metrics are read.
    public func recordMetrics() {
        for (resource, age) in watches.ages {
            Gauge(label: "registry_query_watch_stale_seconds", dimensions: [("resource", resource)])
                .record(age / .seconds(1))
        }
    }
}
