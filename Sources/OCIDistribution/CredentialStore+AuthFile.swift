internal import FoundationEssentials

extension CredentialStore {
    /// The content of an auth file for tools such as `buildah push --authfile`.
    ///
    /// Those look a registry up by one exact name.
    /// The file configuration's own entries are kept, so that base images can be pulled; when none is for the endpoint
    /// itself, one is added with the credential that this service would use there. It holds secrets: write it readable
    /// by its owner only.
    /// - Parameters:
    ///   - endpoint: the host that the tool is given.
    ///   - alias: the host that image references name, whose credentials count for the endpoint, too.
    ///   - repository: what the tool is to reach, where credentials differ by repository.
    public func authFile(
        addingCredentialsFor endpoint: RegistryHost, aliasOf alias: RegistryHost, for repository: Repository? = nil
    ) async throws -> [UInt8] {
        let best = await credentials(for: [endpoint, alias], repository: repository).first
        let config = currentFile()
        var file = AuthFile()
        for entry in config.entries where entry.credential != nil { file.auths[entry.key.text] = entry.fields }
        // Those tools ask a helper before they look at the entries; what this one has for the endpoint is added below.
        file.credHelpers = config.credentialHelpers.filter { $0.key != endpoint.description }
        if let best {
            file.auths[endpoint.description] = AuthFields(
                auth: best.username.isEmpty
                    ? nil : Data("\(best.username):\(best.password)".utf8).base64EncodedString(),
                identitytoken: best.identityToken.isEmpty ? nil : best.identityToken,
                registrytoken: best.registryToken.isEmpty ? nil : best.registryToken)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(file))
    }
}

private struct AuthFile: Encodable {
    var auths: [String: AuthFields] = [:]
    var credHelpers: [String: String] = [:]
}
