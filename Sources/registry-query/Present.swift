/// How values are shown to a person.
enum Present {
    /// `3.2 s`, `4 min 10 s`.
    static func duration(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        guard milliseconds >= 60_000 else { return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" }
        return "\(milliseconds / 60_000) min \(milliseconds / 1000 % 60) s"
    }

    /// `2026-08-21 14:03:07`, in UTC, of a time in RFC 3339.
    static func time(_ time: String?) -> String {
        guard let time else { return "-" }
        return String(time.prefix(19)).replacing("T", with: " ")
    }

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

    /// A build as a few lines.
    static func build(_ build: BuildDocument) -> String {
        var lines = [("build", build.id), ("image", build.image)]
        lines.append(("status", build.status + (build.phase.map { " (\($0))" } ?? "")))
        if let digest = build.digest { lines.append(("digest", digest)) }
        if let commit = build.git.commit { lines.append(("commit", commit)) }
        if let took = build.duration { lines.append(("took", duration(took))) }
        lines.append(("message", build.message))
        return fields(lines)
    }

    /// Names and values, one a line.
    static func fields(_ fields: [(name: String, value: String)]) -> String {
        let width = fields.map(\.name.count).max() ?? 0
        return fields.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }
}
