import Builds
import Configuration
import FoundationEssentials
import HTTPTransport
import Logging
import OCIDistribution
import SemanticVersions
import SystemPackage

/// Everything the operator decided, checked once at the start.
///
/// Nothing after the start reads a flag, a variable or the file again.
struct Settings: Sendable {
    enum BuilderKind: String, CaseIterable {
        case auto, kubernetes, local
    }

    enum LogFormat: String, CaseIterable {
        case text, json
    }

    var naming: ImageNaming
    var registryEndpoint: HTTPURL
    var registryCAFile: String?
    var tokenRealmHosts: [RegistryHost]
    var dockerConfig: String
    var versions: VersionPolicy
    var tagsMaxAge: Duration
    var movingTags: Set<MovingTags.Kind>
    var listen: ListenAddress
    // The files of the service's secrets are looked at by the service only, so that they keep nothing else from working.
    var apiTokensFile: String?
    /// Entries of `API_SERVICE_ACCOUNTS`, not checked yet.
    var apiServiceAccounts: String?
    var apiTokenAudience: String
    var allowAnonymous: Bool
    var webappPaths: WebappPaths
    var gitHubWebhookSecretFile: String?
    var callbackTargets: CallbackTargets
    var callbackSecretFile: String?
    var builder: BuilderKind
    var buildNamespace: String
    var jobTemplate: String?
    var jobOptions: JobOptions
    var stateDirectory: FilePath
    var buildConcurrency: Int
    var git: GitDefaults
    var logLevel: Logger.Level
    var logFormat: LogFormat
    /// The environment of this process with every setting that flags and file add to it, for processes that need the same settings.
    var environment: [String: String]

    /// Reads flags over environment over file.
    /// - Throws: ``SettingsError`` for the first setting that cannot work.
    static func read(_ options: SettingsOptions, environment: [String: String]) async throws -> Settings {
        let texts = try await texts(options.given, file: options.config, environment: environment)
        return try Settings(SettingTexts(values: texts), environment: environment)
    }

    /// The texts of all settings that were given somewhere.
    static func texts(
        _ flags: [SettingKey: String], file: String?, environment: [String: String]
    ) async throws -> [SettingKey: String] {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(
                name: "command line",
                values: Dictionary(
                    uniqueKeysWithValues: flags.map { key, value in
                        (AbsoluteConfigKey([key.fileKey]), ConfigValue(.string(value), isSecret: false))
                    })),
            EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty }),
        ]
        if let file {
            providers.append(try await ConfigurationFile(path: file).provider)
        }
        let reader = ConfigReader(providers: providers)
        var texts: [SettingKey: String] = [:]
        for key in SettingKey.allCases {
            do {
                texts[key] = try await reader.fetchString(forKey: ConfigKey([key.fileKey]))
            } catch {
                throw SettingsError("\(key.fileKey) in \(file ?? "the settings"): give one plain value")
            }
        }
        return texts
    }

    private init(_ texts: SettingTexts, environment: [String: String]) throws {
        let home = environment["HOME"] ?? "/"
        let registry = try texts.value(.registry, default: "registry.k8s-lab.dev") { try RegistryHost($0) }
        naming = try texts.value(.repositoryPrefix, default: "webapp") { prefix in
            try ImageNaming(registry: registry, prefix: prefix)
        }
        registryEndpoint = try texts.value(.registryEndpoint, default: "https://\(registry)") { text in
            let url = try HTTPURL(text)
            guard url.query == nil, url.path == "/" else { throw SettingProblem("give scheme, host and port only") }
            return url
        }
        registryCAFile = try texts.readableFile(.registryCAFile)
        tokenRealmHosts = try texts.value(.tokenRealmHosts, default: "") { list in
            try list.split(separator: ",").map { try RegistryHost(String($0.filter { $0 != " " })) }
        }
        dockerConfig = texts[.dockerConfig] ?? "\(home)/.docker"
        versions = VersionPolicy(
            initial: try texts.value(.initialVersion, default: "v1.0.0") { text in
                guard let version = VersionTag(text) else {
                    throw SettingProblem("give a semantic version such as v1.0.0")
                }
                return version
            },
            filter: try texts.optional(.tagFilter) { try TagFilter($0) })
        if let filter = versions.filter, !filter.admits(versions.initial.tag) {
            throw SettingsError(
                .tagFilter, filter.description, "does not match INITIAL_VERSION \(versions.initial.tag)")
        }
        tagsMaxAge = try texts.value(.tagsMaxAge, default: "5s") { text in
            guard let duration = Duration(settingText: text), duration <= .seconds(3600) else {
                throw SettingProblem("give a duration of at most 1h, such as 5s, 500ms or 1m")
            }
            return duration
        }
        movingTags = try texts.value(.movingTags, default: "") { try MovingTags.kinds($0) }
        listen = try texts.value(.listen, default: "127.0.0.1:8080") { text in
            guard let address = ListenAddress(text) else {
                throw SettingProblem("give host:port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080")
            }
            return address
        }
        apiTokensFile = texts[.apiTokensFile]
        apiServiceAccounts = texts[.apiServiceAccounts]
        apiTokenAudience = texts[.apiTokenAudience] ?? "registry-query"
        allowAnonymous = try texts.value(.allowAnonymous, default: "false") { text in
            switch text.lowercased() {
            case "true", "yes", "1": true
            case "false", "no", "0": false
            default: throw SettingProblem("give true or false")
            }
        }
        builder = try texts.choice(.builder, default: .auto)
        buildNamespace = try texts.value(.buildNamespace, default: "build-system") { text in
            guard (try? WebappName(text)) != nil else {
                throw SettingProblem("give the name of a namespace, one DNS label")
            }
            return text
        }
        jobTemplate = try texts.readableFile(.jobTemplate)
        let cachePrefix = texts[.cachePrefix] ?? "cache"
        do {
            jobOptions = try JobOptions(
                buildKitImage: texts[.buildKitImage], gitImage: texts[.gitImage],
                cachePrefix: cachePrefix == "none" ? nil : cachePrefix, naming: naming)
        } catch {
            let key = SettingKey(rawValue: error.field) ?? .cachePrefix
            throw SettingsError(key, texts[key] ?? cachePrefix, error.reason)
        }
        stateDirectory = try texts.value(.stateDirectory, default: "\(home)/.local/state/registry-query") { text in
            let path = FilePath(text)
            guard path.isAbsolute else { throw SettingProblem("give an absolute path") }
            return path
        }
        buildConcurrency = try texts.value(.buildConcurrency, default: "2") { text in
            guard let number = Int(text), (1...64).contains(number) else {
                throw SettingProblem("give a number from 1 to 64")
            }
            return number
        }
        git = GitDefaults(
            url: try texts.optional(.gitRepoURL, Self.gitURL),
            branch: try texts.value(.gitBranch, default: "main") { try GitSource.validatedRef($0) })
        webappPaths = try texts.value(.webappPaths, default: "*") { try WebappPaths($0) }
        gitHubWebhookSecretFile = texts[.gitHubWebhookSecretFile]
        callbackTargets = try texts.value(.callbackAllowedHosts, default: "") { try CallbackTargets($0) }
        callbackSecretFile = texts[.callbackSecretFile]
        logLevel = try texts.value(.logLevel, default: "info") { text in
            guard let level = Logger.Level(rawValue: text.lowercased()) else {
                throw SettingProblem("give one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return level
        }
        logFormat = try texts.choice(.logFormat, default: .text)
        self.environment = environment.merging(
            texts.values.map { ($0.key.variable, $0.value) }, uniquingKeysWith: { _, setting in setting })
    }

    /// The operator's own repository may also be a local one; credentials in a URL are refused for everybody.
    private static func gitURL(_ text: String) throws -> String {
        if text.hasPrefix("file:///") || text.hasPrefix("/") { return text }
        return try GitSource.validatedURL(text)
    }
}
