import ArgumentParser

/// Which running service to ask, as flags.
struct ServiceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Ask the service at this address instead of registry and builder; the variable is REGISTRY_QUERY_URL.",
            valueName: "url"))
    var server: String?
    @Option(
        help: ArgumentHelp(
            "File with the service's token. REGISTRY_QUERY_TOKEN_FILE names it, too, and REGISTRY_QUERY_TOKEN has the "
                + "token itself; no argument has.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    /// These flags for a further command, as a shell takes them.
    var repeated: String {
        given.sorted { $0.key.flag < $1.key.flag }.map { key, value in
            let isPlain = value.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7f && !"'\"$`\\&|;<>()*?[]#~!{}".utf8.contains($0)
            }
            return " \(key.flag) " + (isPlain ? value : "'" + value.replacing("'", with: #"'\''"#) + "'")
        }.joined()
    }

    var given: [SettingKey: String] {
        var given: [SettingKey: String] = [:]
        given[.serviceURL] = server
        given[.serviceTokenFile] = tokenFile
        return given
    }
}
