/// The text without what looks like a credential, for logs and errors.
///
/// Removed are values of `Authorization` and cookie fields, Bearer and Basic credentials, user info in URLs, values of
/// query parameters and JSON members whose name speaks of a token, secret, password or signature, and JSON Web Tokens.
/// Control characters become spaces, and what is longer than `limit` characters is cut.
public func redacted(_ text: some StringProtocol, limit: Int = 300) -> String {
    // Enough to fill the limit after removals, and little enough to be cheap when somebody passes a megabyte.
    let considered = limit * 4 + 1024
    var redactor = Redactor(bytes: Array(text.utf8.prefix(considered)))
    let clean = redactor.run()
    guard clean.count > limit else { return clean }
    return clean.prefix(limit) + "\u{2026}"
}

private struct Redactor {
    private let bytes: [UInt8]
    private var position = 0
    private var output: [UInt8] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() -> String {
        while position < bytes.count {
            if matches("://") {
                copy(3)
                removeUserInfo()
            } else if isNameByte(bytes[position]) {
                let name = run(at: position, while: isNameByte)
                copy(name.count)
                removeValue(after: String(decoding: name, as: UTF8.self).lowercased(), name)
            } else {
                copyVisible()
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    // MARK: What is removed

    private mutating func removeUserInfo() {
        let authority = run(at: position) { !"/?#\"'<> \t\r\n".utf8.contains($0) }
        // Where the text was cut within an authority, an "@" may have been cut off.
        let reachesEnd = authority.endIndex == bytes.count && authority.count > 255
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")) ?? (reachesEnd ? bytes.count - 1 : nil) else {
            return
        }
        hide(through: at)
        output.append(UInt8(ascii: "@"))
    }

    private mutating func removeValue(after name: String, _ original: ArraySlice<UInt8>) {
        if original.starts(with: "eyJ".utf8), original.count >= 20 {
            output.removeLast(original.count)
            hide(through: position - 1)
        } else if name == "bearer" || name == "basic" {
            removeCredentials()
        } else if wholeLineFields.contains(name) {
            removeMember { !"\r\n".utf8.contains($0) }
        } else if secretNames.contains(where: name.contains) || name == "auth" || name == "sig" {
            let mayBeField = name.contains("-") || name.contains("_") || name.hasPrefix("passw")
            removeMember(unquotedColon: mayBeField) { !"&,; \t\r\n\"')}]<>".utf8.contains($0) }
        }
    }

    /// `Bearer xyz`, but not the `Bearer realm="..."` of a challenge.
    private mutating func removeCredentials() {
        let gap = run(at: position) { $0 == 0x20 || $0 == 0x09 }
        let token = run(at: gap.endIndex) { isNameByte($0) || "~+/=".utf8.contains($0) }
        guard !gap.isEmpty, !token.isEmpty else { return }
        let padding = token.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        let isParameter =
            token.dropLast(padding).contains(UInt8(ascii: "="))
            || padding > 0 && token.endIndex < bytes.count && bytes[token.endIndex] == UInt8(ascii: "\"")
        guard !isParameter else { return }
        copy(gap.count)
        hide(through: token.endIndex - 1)
    }

    /// `name=value`, `"name":"value"`, `\"name\":\"value\"` and, where asked for, `name: value`.
    private mutating func removeMember(unquotedColon: Bool = true, bareValue: (UInt8) -> Bool) {
        var next = position
        let closing = run(at: next) { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") }
        next = run(at: closing.endIndex) { $0 == 0x20 }.endIndex
        guard next < bytes.count else { return }
        let separator = bytes[next]
        guard separator == UInt8(ascii: "=") || separator == UInt8(ascii: ":") && (unquotedColon || !closing.isEmpty)
        else { return }
        next = run(at: next + 1) { $0 == 0x20 || $0 == 0x09 }.endIndex
        let opening = run(at: next) { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") }
        let end = opening.isEmpty ? run(at: next, while: bareValue).endIndex : endOfString(from: opening)
        let start = opening.endIndex
        guard end > start else { return }
        copy(start - position)
        hide(through: end - 1)
    }

    /// Where the string ends that `opening` (a quote, escaped or not) began.
    private func endOfString(from opening: ArraySlice<UInt8>) -> Int {
        let isEscaped = opening.count > 1
        var index = opening.endIndex
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return index }
            if bytes[index] == UInt8(ascii: "\\") {
                if isEscaped { return index }
                index += 1
            }
            index += 1
        }
        return bytes.count
    }

    // MARK: Moving through the text

    private func matches(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private func run(at start: Int, while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        bytes[min(start, bytes.count)...].prefix(while: condition)
    }

    private mutating func copy(_ count: Int) {
        let end = position + count
        while position < end { copyVisible() }
    }

    private mutating func copyVisible() {
        let byte = bytes[position]
        // U+0080 to U+009F are control characters as well: C2 80 to C2 9F.
        let isSecondControl =
            byte == 0xC2 && position + 1 < bytes.count && (0x80...0x9F).contains(bytes[position + 1])
        output.append(byte < 0x20 || byte == 0x7F || isSecondControl ? 0x20 : byte)
        position += isSecondControl ? 2 : 1
    }

    private mutating func hide(through last: Int) {
        output += "***".utf8
        position = max(position, last + 1)
    }
}

private let wholeLineFields: Set<String> = [
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-registry-auth",
]
private let secretNames = ["token", "secret", "passw", "signature", "credential", "api-key", "api_key", "apikey"]

private func isNameByte(_ byte: UInt8) -> Bool {
    isASCIIAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
}
