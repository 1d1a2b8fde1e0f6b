import Builds
import CurlTransport
import FoundationEssentials
import HTTPTransport
import KubernetesClient
import Logging
import OCIDistribution
import RegistryQueryAPI
import SystemPackage

/// The objects that the settings lead to, made once for each process.
struct Composition: Sendable {
    let settings: Settings
    let logger: Logger
    let transport: CurlTransport
    /// For logs that are followed, each of which keeps a connection for as long as a build takes.
    let streamTransport: CurlTransport
    /// Calls back, in the service only.
    private let callbacks: Callbacks?
    let credentials: CredentialStore
    let registry: RegistryClient
    let versions: VersionService
    let builds: BuildService
    /// The cluster to build in, if that is where builds run.
    let cluster: KubernetesClient?
    /// Which builder it is.
    let builderName: String
    private let movingTags: MovingTags

    /// How many logs may be followed in the cluster at a time, by callers and by the service itself.
    private static let mostFollowedLogs = 128
    /// How long moving a tag may take: less than a leader can be sure to lead.
    private static let longestTagWrite: Duration = .seconds(8)

    /// Makes them.
    /// - Parameter callsBack: Whether this process sends callbacks; nothing that only these need is looked at otherwise.
    init(_ settings: Settings, callsBack: Bool) throws {
        self.settings = settings
        let logger = Logger(label: "registry-query") { [level = settings.logLevel, format = settings.logFormat] label in
            ServiceLogHandler(label: label, level: level, format: format)
        }
        self.logger = logger
        let userAgent = RegistryQuery.userAgent
        transport = CurlTransport(
            // Over plain HTTP a proxy would read the registry's credentials.
            configuration: CurlTransport.Configuration(userAgent: userAgent, proxies: .encryptedRequests),
            logger: logger)
        streamTransport = CurlTransport(
            configuration: CurlTransport.Configuration(
                userAgent: userAgent, connectionsPerHost: Self.mostFollowedLogs, connections: Self.mostFollowedLogs,
                proxies: .encryptedRequests),
            logger: logger)
        credentials = CredentialStore(
            directory: settings.dockerConfig, environment: settings.environment, logger: logger)
        var configuration = RegistryClient.Configuration(
            registry: settings.naming.registry, endpoint: settings.registryEndpoint,
            tls: try Self.trust(settings), allowedTokenRealms: settings.tokenRealmHosts, userAgent: userAgent)
        registry = RegistryClient(
            configuration: configuration, transport: transport, credentials: credentials, logger: logger)
        configuration.deadline = Self.longestTagWrite
        movingTags = MovingTags(
            kinds: settings.movingTags,
            registry: RegistryClient(
                configuration: configuration, transport: transport, credentials: credentials, logger: logger),
            policy: settings.versions, logger: logger)
        let cluster = try Self.cluster(settings)
        callbacks = callsBack ? try Callbacks(settings, cluster: cluster, logger: logger) : nil
        let builder: any Builder
        if let cluster {
            let client = KubernetesClient(
                transport: transport, streamTransport: streamTransport, configuration: cluster,
                namespace: settings.buildNamespace, logger: logger)
            self.cluster = client
            builder = try KubernetesJobBuilder(
                client: client, template: Self.template(settings), options: settings.jobOptions,
                naming: settings.naming,
                registry: registry, movingTags: movingTags, longestTagWrite: Self.longestTagWrite,
                callbacks: callbacks?.sender,
                logger: logger)
            builderName = "kubernetes"
        } else {
            self.cluster = nil
            builder = LocalBuilder(
                stateDirectory: settings.stateDirectory, places: settings.buildConcurrency,
                worker: try Self.worker(settings), callbacks: callbacks?.sender, logger: logger)
            builderName = "local"
        }
        versions = VersionService(
            naming: settings.naming, policy: settings.versions, registry: registry,
            listings: SharedTagListings(maxAge: settings.tagsMaxAge) { [registry] repository in
                try await registry.tags(of: repository)
            }, builder: builder)
        builds = BuildService(
            versions: versions, builder: builder, registry: registry, gitDefaults: settings.git, logger: logger)
    }

    /// What an operator wants to see at the start: where everything is, and no secret.
    var summary: Logger.Metadata {
        [
            "version": "\(RegistryQuery.version)", "registry": "\(settings.naming.registry)",
            "endpoint": "\(settings.registryEndpoint)", "credentials": "\(credentials.place)",
            "builder": "\(builderName)",
        ]
    }

    /// Ends all connections.
    func shutDown() async {
        await callbacks?.transport.shutDown()
        await streamTransport.shutDown()
        await transport.shutDown()
    }

    /// For libraries whose lines at info say nothing that ours do not.
    var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(settings.logLevel, .notice)
        return logger
    }

    /// Works off local builds, in the process that ``LocalBuilder`` starts for it.
    var localWorker: LocalWorker {
        LocalWorker(
            stateDirectory: settings.stateDirectory, places: settings.buildConcurrency, registry: registry,
            movingTags: movingTags,
            target: PushTarget(
                host: registry.configuration.endpointHost, isPlainHTTP: settings.registryEndpoint.scheme == .http,
                certificateAuthorityFile: settings.registryCAFile),
            credentials: credentials, environment: settings.environment, logger: logger)
    }

    // MARK: Files of the operator

    private static func trust(_ settings: Settings) throws -> TLSOptions {
        guard let file = settings.registryCAFile else { return .system }
        do {
            let authorities = try Data(contentsOf: URL(filePath: file))
            guard authorities.firstRange(of: Data("-----BEGIN CERTIFICATE-----".utf8)) != nil else {
                throw SettingProblem("the file has no PEM certificate in it")
            }
            return TLSOptions(certificateAuthorities: Array(authorities))
        } catch {
            throw SettingsError(.registryCAFile, file, "\(error)")
        }
    }

    /// The cluster to build in, or `nil` to build on this machine.
    private static func cluster(_ settings: Settings) throws -> ClusterConfiguration? {
        guard settings.builder != .local else { return nil }
        do {
            if let cluster = try ClusterConfiguration.detect(environment: settings.environment) { return cluster }
        } catch {
            throw SettingsError(
                .builder, settings.builder.rawValue, "the cluster's credentials cannot be used: \(error)")
        }
        guard settings.builder == .auto else {
            throw SettingsError(
                .builder, settings.builder.rawValue,
                "there are no cluster credentials: neither KUBECONFIG, ~/.kube/config, nor the in-cluster files; "
                    + "use BUILDER=local to build on this machine")
        }
        return nil
    }

    private static func template(_ settings: Settings) throws -> JobTemplate {
        guard let file = settings.jobTemplate else { return try JobTemplate() }
        do {
            return try JobTemplate(file: FilePath(file))
        } catch {
            throw SettingsError(.jobTemplate, file, error.reason)
        }
    }

    private static func worker(_ settings: Settings) throws -> LocalBuilder.WorkerCommand {
        // The path may lead to another program by the time a worker is started; the link does not.
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return LocalBuilder.WorkerCommand(
            executable: FilePath(executable), arguments: ["work"],
            environment: settings.environment.merging(["BUILDER": "local"]) { _, new in new })
    }
}
