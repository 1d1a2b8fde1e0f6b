public import Logging
import Synchronization

/// Keeps what is logged, one line each.
public final class LogBook: Sendable {
    private let entries = Mutex<[String]>([])

    /// Nothing is written yet.
    public init() {}

    /// The lines so far.
    public var lines: [String] { entries.withLock(\.self) }
    /// The lines so far, as one text.
    public var text: String { lines.joined(separator: "\n") }
    /// Writes into the book.
    public var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            book.entries.withLock { $0.append("\(event.level) \(event.message) \(fields.joined(separator: " "))") }
        }
    }
}
