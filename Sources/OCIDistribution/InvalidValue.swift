/// Why a text is not the value it should be: a registry host, a repository, a tag, a digest or an image reference.
public struct InvalidValue: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence that names the kind of value, the text (shortened, control characters replaced) and what is wrong.
    public let description: String

    init(_ kind: String, _ text: String, _ reason: String) {
        let shown = String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(100).map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
        let ellipsis = text.unicodeScalars.count > 100 ? "\u{2026}" : ""
        description = "\"\(shown)\(ellipsis)\" is not a \(kind): \(reason)"
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isASCIILowercase: Bool { self >= 0x61 && self <= 0x7A }
    var isASCIIUppercase: Bool { self >= 0x41 && self <= 0x5A }
    var isASCIIAlphanumeric: Bool { isASCIIDigit || isASCIILowercase || isASCIIUppercase }
}
