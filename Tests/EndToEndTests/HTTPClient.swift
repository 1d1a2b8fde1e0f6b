import FoundationEssentials
import RegistryTesting
import Subprocess

/// Sends requests with curl, so that nothing of the program is used to test it.
struct HTTPClient: Sendable {
    /// An answer.
    struct Answer: Sendable {
        var status: Int
        /// By name in lower case.
        var headers: [String: String]
        var body: String

        var json: JSON {
            get throws {
                do {
                    return try JSON(parsing: body)
                } catch {
                    throw TestingError("no JSON, but status \(status) and \(body.prefix(300))")
                }
            }
        }

        /// A member of the document.
        subscript(name: String) -> JSON? { (try? json)?[name] }
    }

    /// What curl says of a connection that failed.
    struct ConnectionFailure: Error, CustomStringConvertible {
        var description: String
    }

    /// Sends a request.
    /// - Parameters:
    ///   - headers: As `Name: value`.
    ///   - user: `name:password` for Basic authentication.
    ///   - options: Further options of curl.
    /// - Throws: ``ConnectionFailure`` when there is no whole answer.
    func send(
        _ method: String, _ url: String, headers: [String] = [], body: String? = nil, user: String? = nil,
        within seconds: Int = 60, options: [String] = []
    ) async throws -> Answer {
        var arguments = [
            "--silent", "--show-error", "--include", "--path-as-is", "--noproxy", "*", "--max-time", "\(seconds)",
        ]
        arguments += method == "HEAD" ? ["--head"] : ["--request", method]
        arguments += headers.flatMap { ["--header", $0] } + (user.map { ["--user", $0] } ?? [])
        // Without the empty header curl waits for a 100 before it sends a large body.
        if body != nil { arguments += ["--data-binary", "@-", "--header", "Expect:"] }
        let result = try await Subprocess.run(
            .name("curl"), arguments: Arguments(arguments + options + ["--", url]), input: .string(body ?? ""),
            output: .string(limit: 8 << 20), error: .string(limit: 1 << 16))
        guard result.terminationStatus.isSuccess else {
            throw ConnectionFailure(description: "\(method) \(url): \(result.standardError)")
        }
        return try Self.answer(result.standardOutput)
    }

    private static func answer(_ text: String) throws -> Answer {
        guard let end = text.firstRange(of: "\r\n\r\n") else { throw TestingError("no answer: \(text.prefix(300))") }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw TestingError("no status: \(text.prefix(300))")
        }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), parts.count > 1 ? String(parts[1].trimmingPrefix(" ")) : "")
        }
        return Answer(
            status: status, headers: Dictionary(headers) { "\($0), \($1)" }, body: String(text[end.upperBound...]))
    }
}
