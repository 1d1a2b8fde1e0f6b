internal import CLibcrypto

/// Why a file of tokens cannot be used.
///
/// Neither a token nor any other part of a line is ever part of it.
public struct TokenFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence that names variable, file, line and fix.
    public let description: String

    init(path: String, line: Int? = nil, _ reason: String) {
        description = "API_TOKENS_FILE \(path)\(line.map { ", line \($0)" } ?? ""): \(reason)"
    }
}

/// The tokens of a file, of which only hashes are kept.
///
/// Each line is `name:scope[,scope]:token`; lines that are empty or begin with `#` count for nothing. A name may have
/// several tokens, so that one can be replaced by another without a gap.
struct TokenFile: Sendable {
    /// The fewest characters of a token.
    static let shortestToken = 16

    private struct Entry: Sendable {
        var digest: [UInt8]
        var caller: Caller
    }

    private let entries: [Entry]

    init(_ bytes: [UInt8], path: String) throws(TokenFileError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TokenFileError(path: path, "the file is not UTF-8 text")
        }
        var entries: [Entry] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = line.trimmingBlanks
            if line.isEmpty || line.hasPrefix("#") { continue }
            do {
                let entry = try Self.entry(line)
                guard !entries.contains(where: { $0.digest == entry.digest }) else {
                    throw Refusal("the token is in an earlier line already; each token belongs to one line")
                }
                entries.append(entry)
            } catch {
                throw TokenFileError(path: path, line: index + 1, "\(error)")
            }
        }
        guard !entries.isEmpty else {
            throw TokenFileError(
                path: path, "there is no token in it; write lines of the form name:scope[,scope]:token")
        }
        self.entries = entries
    }

    private static func entry(_ line: Substring) throws -> Entry {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw Refusal("the line is not of the form name:scope[,scope]:token") }
        let isName =
            (1...63).contains(parts[0].utf8.count)
            && parts[0].utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        guard isName else { throw Refusal("the name must have 1 to 63 letters, digits, '.', '_' or '-'") }
        guard let scopes = AccessScope.list(parts[1]) else {
            throw Refusal("the scopes must be of \(AccessScope.names), separated by commas")
        }
        guard parts[2].utf8.count >= shortestToken, parts[2].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Refusal("the token must have at least \(shortestToken) visible ASCII characters and no space")
        }
        guard let digest = sha256(Array(parts[2].utf8)) else { throw Refusal("the token cannot be hashed") }
        return Entry(digest: digest, caller: Caller(name: String(parts[0]), scopes: scopes))
    }

    /// Whose token it is.
    ///
    /// The time that takes depends on the number of tokens only: hashes are compared, all of them, each in constant
    /// time.
    func caller(presenting token: [UInt8]) -> Caller? {
        guard let digest = sha256(token) else { return nil }
        var found: Caller?
        for entry in entries where rq_equal_in_constant_time(entry.digest, digest, digest.count) == 1 {
            found = entry.caller
        }
        return found
    }
}

/// The SHA-256 of some bytes; `nil` when OpenSSL fails.
func sha256(_ bytes: [UInt8]) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: 32)
    return rq_sha256(bytes, bytes.count, &digest) == 1 ? digest : nil
}

extension Substring {
    /// The text without spaces and tabs at both ends.
    var trimmingBlanks: Substring {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
