internal import HTTPTransport

/// The end of what a container wrote, as far as it tells a person why it failed.
struct BuildOutput {
    /// The lines with text in them, without escape sequences.
    private let lines: [Substring]

    init(_ text: String) {
        lines = text.withoutEscapeSequences
            .split(whereSeparator: \.isNewline)
            .filter { !$0.allSatisfy(\.isWhitespace) }
    }

    /// The last lines of git, without those that the clone script writes itself.
    var cloneLines: String {
        let own = ["cloning ", "fetched commit ", "workspace ready"]
        let said = lines.filter { line in !own.contains(where: line.hasPrefix) }
        return Self.joined((said.isEmpty ? lines : said).suffix(2))
    }

    /// BuildKit's own last word, the line after `error: `; empty if it has none.
    ///
    /// Output of build steps never begins a line with it, because it comes behind the number of its step.
    var buildError: String {
        lines.last { $0.hasPrefix("error: ") }.map { String($0.dropFirst("error: ".count)) } ?? ""
    }

    /// Which step failed, its last lines and BuildKit's last word; or the last lines, where there is no such account.
    ///
    /// BuildKit repeats the failed step between two lines of dashes, and shows the Dockerfile behind them:
    ///
    ///     ------
    ///      > [3/3] RUN npm ci:
    ///     0.067 npm error code ERESOLVE
    ///     ------
    ///     Dockerfile:3
    var buildLines: String {
        let rules = lines.indices.filter { lines[$0] == "------" }
        guard let end = rules.last, let start = rules.dropLast().last, let head = lines[(start + 1)..<end].first,
            head.hasPrefix(" > ")
        else {
            return buildError.isEmpty ? Self.joined(lines.suffix(3)) : Self.shortened(buildError, 300)
        }
        var step = head.dropFirst(" > ".count)
        if step.hasSuffix(":") { step.removeLast() }
        var place = ""
        if let line = lines[(end + 1)...].first, line.hasPrefix("Dockerfile:") { place = " (\(line))" }
        let said = lines[(start + 1)..<end].dropFirst().suffix(3).map { line in
            // Each line begins with the seconds since the step's start.
            line.trimmingPrefix(#/[0-9]+\.[0-9]+ /#)
        }
        let parts = said.map { Self.shortened($0, 200) } + [Self.shortened(buildError, 300)].filter { !$0.isEmpty }
        return "\(Self.shortened(step, 120))\(place): \(parts.joined(separator: " | "))"
    }

    private static func joined(_ lines: some Sequence<Substring>) -> String {
        lines.map { shortened($0, 250) }.joined(separator: " | ")
    }

    private static func shortened(_ line: some StringProtocol, _ limit: Int) -> String { redacted(line, limit: limit) }
}
