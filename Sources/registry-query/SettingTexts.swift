import Builds
import FoundationEssentials

/// What is wrong with a setting's value, and what would be right.
struct SettingProblem: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The settings as they were written, and how values are made of them.
struct SettingTexts {
    let values: [SettingKey: String]

    subscript(key: SettingKey) -> String? { values[key] }

    /// Makes a value; an error names the variable, the text and the reason.
    func value<Value>(_ key: SettingKey, default text: String, _ make: (String) throws -> Value) throws -> Value {
        let text = values[key] ?? text
        do {
            return try make(text)
        } catch let error as InvalidInput {
            throw SettingsError(key, text, error.reason)
        } catch {
            throw SettingsError(key, text, "\(error)")
        }
    }

    /// Makes a value of a setting that has no default.
    func optional<Value>(_ key: SettingKey, _ make: (String) throws -> Value) throws -> Value? {
        try values[key].map { text in try value(key, default: text, make) }
    }

    func choice<Value: RawRepresentable<String> & CaseIterable>(_ key: SettingKey, default value: Value) throws -> Value
    {
        try self.value(key, default: value.rawValue) { text in
            guard let value = Value(rawValue: text.lowercased()) else {
                throw SettingProblem("give one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return value
        }
    }

    /// The path of a file that can be read now.
    func readableFile(_ key: SettingKey) throws -> String? {
        guard let path = values[key] else { return nil }
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory else {
            throw SettingsError(key, path, "there is no such file")
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SettingsError(key, path, "the file cannot be read by this user")
        }
        return path
    }
}

extension Duration {
    /// `5s`, `500ms`, `2m`, `1h`, or `0`; whole numbers only.
    init?(settingText text: String) {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        case "h": self = .seconds(number * 3600)
        case "" where number == 0: self = .zero
        default: return nil
        }
    }
}
