import FoundationEssentials
import HTTPTransport
import Logging

/// Writes log events to standard error, one line each: `text` for people, `json` for a log store.
struct ServiceLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    /// Says of each line which request it was written for; see `Correlation`.
    var metadataProvider: Logger.MetadataProvider? = .correlation

    private let label: String
    private let format: Settings.LogFormat

    init(label: String, level: Logger.Level, format: Settings.LogFormat) {
        self.label = label
        self.logLevel = level
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        try? FileHandleOutput.standardError.write(
            line(level: event.level, message: "\(event.message)", metadata: event.metadata) + "\n")
    }

    /// The line of an event, without its end.
    func line(level: Logger.Level, message: String, metadata own: Logger.Metadata?) -> String {
        var fields = metadata
        fields.merge(metadataProvider?.get() ?? [:]) { _, new in new }
        fields.merge(own ?? [:]) { _, new in new }
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        switch format {
        case .text:
            return
                (["\(time)Z", level.rawValue, Self.oneLine(message)]
                + Self.sorted(fields).map { "\($0)=\(Self.quotedIfNeeded($1))" }).joined(separator: " ")
        case .json:
            let known = [
                ("time", "\(time)Z"), ("level", level.rawValue), ("message", message), ("logger", label),
            ]
            // Of two members of one name most readers drop one.
            for (key, _) in known {
                guard let value = fields.removeValue(forKey: key) else { continue }
                var other = "_\(key)"
                while fields[other] != nil { other = "_\(other)" }
                fields[other] = value
            }
            return "{"
                + (known + Self.sorted(fields)).map { "\(Self.json($0)):\(Self.json($1))" }.joined(separator: ",")
                + "}"
        }
    }

    private static func sorted(_ fields: Logger.Metadata) -> [(String, String)] {
        fields.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    }

    private static func oneLine(_ text: String) -> String {
        text.contains(where: \.isNewline) ? text.split(whereSeparator: \.isNewline).joined(separator: " ") : text
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7f }
        return isPlain ? text : json(text)
    }

    private static func json(_ text: String) -> String {
        guard let data = try? JSONEncoder().encode(text) else { return "\"\"" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension Logger.MetadataProvider {
    /// The id of the request that is being answered, and the trace that it belongs to.
    static let correlation = Logger.MetadataProvider {
        guard let correlation = Correlation.current else { return [:] }
        var metadata: Logger.Metadata = [:]
        metadata["request_id"] = correlation.requestID.map { "\($0)" }
        metadata["trace_id"] = correlation.traceparent.map { "\($0.traceID)" }
        return metadata
    }
}
