import Configuration
import FoundationEssentials
import SystemPackage
import Yams

/// The optional YAML file with settings.
struct ConfigurationFile {
    let provider: FileProvider<YAMLSnapshot>

    /// Reads the file.
    /// - Throws: ``SettingsError`` if it cannot be read, is no YAML mapping, or has a key that is no setting: a misspelt key would otherwise
    ///   be a setting that silently does not count.
    init(path: String) async throws {
        do {
            let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
            let known = Set(SettingKey.allCases.map(\.fileKey))
            for (key, _) in try Yams.compose(yaml: text)?.mapping ?? [:] where !known.contains(key.string ?? "") {
                throw SettingsError(
                    "--config \(path): \(key.string ?? "?") is no setting; there are \(known.sorted().joined(separator: ", "))"
                )
            }
            provider = try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
        } catch let error as SettingsError {
            throw error
        } catch {
            let reason = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            throw SettingsError("--config \(path): cannot be read as YAML: \(reason)")
        }
    }
}
