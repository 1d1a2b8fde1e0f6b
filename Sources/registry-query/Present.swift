import FoundationEssentials

/// How values are shown to a person.
enum Present {
    /// `3.2 s`, `4 min 10 s`.
    static func duration(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        guard milliseconds >= 60_000 else { return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" }
        return seconds(.seconds(milliseconds / 1000))
    }

    /// `41 s`, `1 min 5 s`, `2 h 3 min`; for what changes while it is looked at.
    static func seconds(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        }
    }

    /// `2026-08-21 14:03:07`, in UTC, of a time in RFC 3339.
    static func time(_ time: String?) -> String {
        guard let time else { return "-" }
        return String(time.prefix(19)).replacing("T", with: " ")
    }

    /// How long ago a time in RFC 3339 is, in its largest unit: `12 s`, `3 h`, `400 d`.
    static func age(_ time: String?, now: Date) -> String {
        guard let time, let date = (try? Date(time, strategy: withFraction)) ?? (try? Date(time, strategy: .iso8601))
        else { return "-" }
        let interval = now.timeIntervalSince(date)
        guard interval < 1e11 else { return "-" }
        // A clock that is ahead of this one.
        let seconds = Int(max(0, interval))
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    private static let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// `2.4 MB`.
    static func size(_ bytes: Int) -> String {
        guard bytes >= 1000 else { return "\(bytes) B" }
        var value = Double(bytes)
        for unit in ["kB", "MB", "GB"] {
            value /= 1000
            if value < 1000 || unit == "GB" { return "\((value * 10).rounded() / 10) \(unit)" }
        }
        return "\(bytes) B"
    }

    /// The colour of a build's state.
    static func style(ofStatus status: String) -> StyledText.Style {
        switch status {
        case "succeeded": .green
        case "failed": .red
        case "cancelled": .yellow
        case "running": .cyan
        default: .plain
        }
    }

    /// `running (building 4/9)`.
    static func status(_ build: BuildDocument) -> StyledText {
        let step = build.step.map { " \($0.step)/\($0.steps)" } ?? ""
        let phase = build.phase.map { " (\($0)\(step))" } ?? ""
        return StyledText(line: build.status + phase, style(ofStatus: build.status))
    }

    /// A build as a few lines.
    static func build(_ build: BuildDocument) -> StyledText {
        var lines = [
            ("build", StyledText(build.id)), ("image", StyledText(build.image, .bold)), ("status", status(build)),
        ]
        if let digest = build.digest { lines.append(("digest", StyledText(digest))) }
        if let commit = build.git.commit { lines.append(("commit", StyledText(commit))) }
        if let took = build.duration { lines.append(("took", StyledText(duration(took)))) }
        lines.append(("message", StyledText(build.message)))
        return fields(lines)
    }

    /// Names and values, one a line.
    static func fields(_ fields: [(name: String, value: StyledText)]) -> StyledText {
        let width = fields.map(\.name.count).max() ?? 0
        return fields.reduce(StyledText("")) { text, field in
            text + StyledText(field.name, .dim).padded(toColumns: width + 2) + field.value + "\n"
        }
    }
}
