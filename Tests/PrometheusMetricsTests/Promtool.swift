import Subprocess

/// Prometheus' own tool, of Debian's package prometheus.
enum Promtool {
    /// What it says against a text; nothing if it is good.
    static func check(_ text: [UInt8]) async throws -> String {
        let result = try await run(
            .name("promtool"), arguments: ["check", "metrics"], input: .array(text),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        let said = result.standardOutput + result.standardError
        return said.isEmpty && !result.terminationStatus.isSuccess ? "it failed and said nothing" : said
    }
}
