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
                + "token itself; no argument has.", valueName: "file"))
    var tokenFile: String?

    var given: [SettingKey: String] {
        var given: [SettingKey: String] = [:]
        given[.serviceURL] = server
        given[.serviceTokenFile] = tokenFile
        return given
    }
}
