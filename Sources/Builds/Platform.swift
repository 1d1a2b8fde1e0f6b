/// A platform to build for, written `os/architecture[/variant]`.
///
/// Spec: OCI image specification, image index, `platform`.
public struct Platform: Hashable, Sendable, CustomStringConvertible {
    /// The canonical text, such as `linux/arm64`.
    public let description: String

    /// Takes `linux/arm64`, `linux/arm/v7` and the like.
    /// - Throws: ``InvalidInput`` for the field `platforms`.
    public init(_ text: String) throws(InvalidInput) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isPlatform =
            (2...3).contains(parts.count) && text.utf8.count <= 64
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { WebappName.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
            }
        guard isPlatform else {
            throw InvalidInput(
                field: "platforms", "\(InvalidInput.quoted(text)) is not a platform such as linux/arm64 or linux/amd64")
        }
        description = text
    }
}
