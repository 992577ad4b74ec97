const cdk = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const elbv2 = require('aws-cdk-lib/aws-elasticloadbalancingv2');
const autoscaling = require('aws-cdk-lib/aws-autoscaling');
const app = new cdk.App({ analyticsReporting: false });
const stack = new cdk.Stack(app, 'Web', { description: 'A VPC with a load balancer and a group, as CDK synthesizes it' });
const vpc = new ec2.Vpc(stack, 'VPC', { maxAzs: 2, natGateways: 1 });
const asg = new autoscaling.AutoScalingGroup(stack, 'ASG', {
  vpc,
  instanceType: ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.SMALL),
  machineImage: ec2.MachineImage.latestAmazonLinux2023({ cpuType: ec2.AmazonLinuxCpuType.ARM_64 }),
  minCapacity: 2, maxCapacity: 4,
  updatePolicy: autoscaling.UpdatePolicy.rollingUpdate({ maxBatchSize: 1, minInstancesInService: 1 }),
});
const lb = new elbv2.ApplicationLoadBalancer(stack, 'LB', { vpc, internetFacing: true });
const listener = lb.addListener('Listener', { port: 80 });
listener.addTargets('Target', { port: 80, targets: [asg], healthCheck: { path: '/health' }, deregistrationDelay: cdk.Duration.seconds(10) });
listener.connections.allowDefaultPortFromAnyIpv4('Open to the world');
asg.scaleOnCpuUtilization('KeepSpareCPU', { targetUtilizationPercent: 50 });
new cdk.CfnOutput(stack, 'Address', { value: lb.loadBalancerDnsName });
const out = app.synth();
console.log(JSON.stringify(out.getStackByName('Web').template, null, 1));
