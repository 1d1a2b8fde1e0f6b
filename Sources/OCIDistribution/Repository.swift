/// The name of a repository within a registry, such as `webapp/app-example`.
///
/// Spec: OCI distribution specification 1.1, "Pulling manifests": components of lower-case letters and digits, joined
/// within by one `.`, one or two `_` or any number of `-`, and joined to each other by `/`.
public struct Repository: TextValue {
    /// The most characters a name may have; many registries count the host's characters, too.
    public static let longestName = 255

    /// The name as it is written.
    public let name: String

    /// Reads a repository name, without host and tag.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    public init(_ text: String) throws(InvalidValue) {
        guard !text.isEmpty else { throw InvalidValue("repository name", text, "it is empty") }
        guard text.utf8.count <= Self.longestName else {
            throw InvalidValue("repository name", text, "it is longer than \(Self.longestName) characters")
        }
        for component in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        where !Self.isComponent(component) {
            throw InvalidValue(
                "repository name", text,
                "each part between slashes must be of lower-case letters and digits, with '.', '_', '__' or '-' "
                    + "between them only"
            )
        }
        name = text
    }

    /// The name as it is written.
    public var description: String { name }

    private static func isComponent(_ component: Substring.UTF8View.SubSequence) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool { byte.isASCIILowercase || byte.isASCIIDigit }
        guard let first = component.first, let last = component.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return component.split(whereSeparator: isAlphanumeric).allSatisfy { separator in
            switch separator.first {
            case UInt8(ascii: "."): separator.count == 1
            case UInt8(ascii: "_"): separator.count <= 2 && separator.allSatisfy { $0 == UInt8(ascii: "_") }
            case UInt8(ascii: "-"): separator.allSatisfy { $0 == UInt8(ascii: "-") }
            default: false
            }
        }
    }
}
