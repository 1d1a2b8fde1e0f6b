/// A setting that cannot work.
///
/// Its description is the one line that the operator sees.
struct SettingsError: Error, Equatable, CustomStringConvertible {
    /// The variable, its value where it is known, what is wrong and what would be right.
    var description: String

    init(_ key: SettingKey, _ value: String, _ reason: String) {
        description = "\(key.variable)=\(Self.shown(value)): \(reason)"
    }

    init(_ description: String) {
        self.description = description
    }

    /// A value on one line, and not a long one.
    ///
    /// User and password of a URL are left out.
    private static func shown(_ value: String) -> String {
        var text = value.prefix(200).map { $0.isNewline ? "?" : String($0) }.joined()
        if let scheme = text.firstRange(of: "://"), let at = text[scheme.upperBound...].firstIndex(of: "@") {
            text.replaceSubrange(scheme.upperBound..<at, with: "***")
        }
        return text
    }
}
