/// One challenge of a `WWW-Authenticate` field: a scheme with its parameters.
///
/// Scheme and parameter names are compared without case; parameters stand between commas, and so do challenges.
/// Spec: RFC 9110 section 11.6.1.
struct Challenge: Hashable, Sendable {
    /// The scheme in lower case, such as `bearer`.
    var scheme: String
    /// The parameters by their names in lower case; the first of equal names counts.
    var parameters: [String: String] = [:]

    /// Reads the values of all `WWW-Authenticate` fields of an answer.
    ///
    /// What cannot be read is left out: one odd challenge does not hide the others.
    static func parse(_ values: [String]) -> [Challenge] {
        var challenges: [Challenge] = []
        for value in values.prefix(16) {
            var scanner = FieldScanner(String(decoding: value.utf8.prefix(8192), as: UTF8.self))
            var current: Challenge?
            while true {
                scanner.skip { $0 == UInt8(ascii: ",") || FieldScanner.isSpace($0) }
                if scanner.isAtEnd { break }
                if let (name, value) = scanner.attempt(parameter) {
                    if current?.parameters[name] == nil { current?.parameters[name] = value }
                } else {
                    if let current { challenges.append(current) }
                    let scheme = scanner.text(FieldScanner.isTokenByte)
                    current = scheme.isEmpty ? nil : Challenge(scheme: scheme.lowercased())
                    // Neither a token nor a comma: skipped up to the next comma.
                    if scheme.isEmpty { scanner.skip { $0 != UInt8(ascii: ",") } }
                }
            }
            if let current { challenges.append(current) }
        }
        return challenges
    }

    /// `name = value` with a token or a quoted string; values with other characters, which some registries send bare,
    /// go up to the next comma or space.
    private static func parameter(_ scanner: inout FieldScanner) -> (name: String, value: String)? {
        let name = scanner.text(FieldScanner.isTokenByte)
        scanner.skip(FieldScanner.isSpace)
        guard !name.isEmpty, scanner.take(UInt8(ascii: "=")) else { return nil }
        scanner.skip(FieldScanner.isSpace)
        if scanner.isAt(UInt8(ascii: "\"")) {
            return scanner.quotedString().map { (name.lowercased(), $0) }
        }
        let value = scanner.text { !FieldScanner.isSpace($0) && $0 != UInt8(ascii: ",") }
        return (name.lowercased(), value)
    }
}
