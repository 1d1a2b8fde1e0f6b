/// The name of a tag, such as `v1.2.3`: up to 128 letters, digits, `_`, `.` and `-`, the first neither `.` nor `-`.
///
/// It has no `+`, so SemVer build metadata cannot be part of a tag. Spec: OCI distribution specification 1.1, "Pulling
/// manifests".
public struct Tag: TextValue, Comparable {
    /// The most characters a tag may have.
    public static let longestName = 128

    /// The tag as it is written.
    public let name: String

    /// Reads a tag.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    public init(_ text: String) throws(InvalidValue) {
        guard let first = text.utf8.first else { throw InvalidValue("tag", text, "it is empty") }
        guard text.utf8.count <= Self.longestName else {
            throw InvalidValue("tag", text, "it is longer than \(Self.longestName) characters")
        }
        guard first.isASCIIAlphanumeric || first == UInt8(ascii: "_") else {
            throw InvalidValue("tag", text, "it must begin with a letter, a digit or '_'")
        }
        guard text.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "._-".utf8.contains($0) }) else {
            throw InvalidValue("tag", text, "it may have letters, digits, '_', '.' and '-' only")
        }
        name = text
    }

    /// The tag as it is written.
    public var description: String { name }

    /// The order of the tags' bytes.
    public static func < (left: Tag, right: Tag) -> Bool { left.name < right.name }
}
