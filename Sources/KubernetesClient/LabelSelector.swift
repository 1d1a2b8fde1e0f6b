/// Chooses objects by their labels.
///
/// Built from checked parts, so that a value from outside cannot add a condition of its own.
public struct LabelSelector: Sendable, Hashable, CustomStringConvertible {
    /// The selector as it is sent.
    public let description: String

    /// Chooses objects that have all these labels with these values, and further ones with any value.
    /// - Throws: ``InvalidLabelError`` for what is no label; no object could have it.
    public init(
        _ labels: KeyValuePairs<String, String>, having names: [String] = []
    ) throws(InvalidLabelError) {
        var conditions: [String] = []
        for (name, value) in labels {
            guard isLabelName(name), isLabelValue(value) else { throw InvalidLabelError(name: name) }
            conditions.append("\(name)=\(value)")
        }
        for name in names {
            guard isLabelName(name) else { throw InvalidLabelError(name: name) }
            conditions.append(name)
        }
        description = conditions.joined(separator: ",")
    }
}

/// A label name or value that Kubernetes does not allow.
public struct InvalidLabelError: Error, Sendable, CustomStringConvertible {
    /// The name of the label.
    public let name: String

    /// Names the label.
    public var description: String { "the label \"\(name)\", or its value, is none that Kubernetes allows" }
}

/// At most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends; or nothing.
private func isLabelValue(_ text: String) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last else { return true }
    return text.utf8.count <= 63 && isAlphanumeric(first) && isAlphanumeric(last)
        && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
}

/// A name like a value that is not empty, with or without a DNS name and `/` before it.
private func isLabelName(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.last, !name.isEmpty, isLabelValue(name), parts.count <= 2 else { return false }
    guard parts.count == 2 else { return true }
    return (1...253).contains(parts[0].utf8.count)
        && parts[0].utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
