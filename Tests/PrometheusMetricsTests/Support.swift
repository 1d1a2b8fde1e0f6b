import Logging
import Metrics
import PrometheusMetrics
import Synchronization

extension PrometheusRegistry {
    /// What it exposes, as text.
    var text: String { String(decoding: exposition(), as: UTF8.self) }

    /// What it exposes without its own metrics.
    var plainText: String {
        text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("registry_query_metrics_") }
            .joined(separator: "\n")
    }

    /// The values by the text of name and labels.
    var values: [String: String] {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            lines.compactMap { line in
                line.lastIndex(of: " ").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
            }
        ) { first, _ in first }
    }

    /// Measurements that were refused.
    var conflictCount: String? { values[Self.conflicts.name] }
    /// Measurements for which there was no room.
    var dropCount: String? { values[Self.dropped.name] }

    func counter(_ label: String, _ dimensions: [(String, String)] = []) -> Counter {
        Counter(label: label, dimensions: dimensions, factory: self)
    }

    func gauge(_ label: String, _ dimensions: [(String, String)] = []) -> Gauge {
        Gauge(label: label, dimensions: dimensions, factory: self)
    }

    func timer(_ label: String, _ dimensions: [(String, String)] = []) -> Timer {
        Timer(label: label, dimensions: dimensions, factory: self)
    }
}

/// Keeps what is logged.
final class LogLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in self } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") } }
}
