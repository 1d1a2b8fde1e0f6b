import KubernetesStandIn
import RegistryTesting

extension PodScript {
    /// A build that succeeds and pushes to a registry.
    static func success(pushingTo registry: TestRegistry) -> PodScript {
        .success { context in
            let image = context.image.dropFirst("\(registry.authority)/".count).split(separator: ":")
            return try registry.add(
                TestImage(layer: context.image), to: String(image[0]), tags: [String(image[1])])
        }
    }
}
