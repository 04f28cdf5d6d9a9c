// Made by preset_table.py (torchvision 0.14.1); edit that, not this.
// clang-format off
#pragma once

#include <array>

#include "beralih/preprocess_spec.h"

namespace beralih {

struct PresetStatistics {
  std::array<float, 3> mean;
  std::array<float, 3> std;
};

struct PresetRow {
  ResizeMode mode;
  int resize;
  int crop;
  ResizeFilter filter;
  size_t statistics;  ///< index into kPresetStatistics
  std::string_view names;  ///< one a line
};

inline constexpr std::array<PresetStatistics, 4> kPresetStatistics{{
  {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
  {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
  {{0.48235f, 0.45882f, 0.40784f}, {0.00392156862745098f, 0.00392156862745098f, 0.00392156862745098f}},
  {{0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}},
}};

inline constexpr std::array<PresetRow, 38> kPresetRows{{
  {ResizeMode::kShorterSide, 256, 224, ResizeFilter::kBilinear, 0,
   "torchvision:AlexNet_Weights.IMAGENET1K_V1\n"
   "torchvision:DenseNet121_Weights.IMAGENET1K_V1\n"
   "torchvision:DenseNet161_Weights.IMAGENET1K_V1\n"
   "torchvision:DenseNet169_Weights.IMAGENET1K_V1\n"
   "torchvision:DenseNet201_Weights.IMAGENET1K_V1\n"
   "torchvision:GoogLeNet_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:GoogLeNet_Weights.IMAGENET1K_V1\n"
   "torchvision:MNASNet0_5_Weights.IMAGENET1K_V1\n"
   "torchvision:MNASNet1_0_Weights.IMAGENET1K_V1\n"
   "torchvision:MobileNet_V2_QuantizedWeights.IMAGENET1K_QNNPACK_V1\n"
   "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1\n"
   "torchvision:MobileNet_V3_Large_QuantizedWeights.IMAGENET1K_QNNPACK_V1\n"
   "torchvision:MobileNet_V3_Large_Weights.IMAGENET1K_V1\n"
   "torchvision:MobileNet_V3_Small_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_16GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_1_6GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_32GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_3_2GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_400MF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_800MF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_X_8GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_16GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_1_6GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_32GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_3_2GF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_400MF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_800MF_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_8GF_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ResNeXt101_32X8D_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNeXt50_32X4D_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNet101_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNet152_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNet18_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ResNet18_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNet34_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ResNet50_Weights.IMAGENET1K_V1\n"
   "torchvision:ShuffleNet_V2_X0_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1\n"
   "torchvision:ShuffleNet_V2_X1_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1\n"
   "torchvision:SqueezeNet1_0_Weights.IMAGENET1K_V1\n"
   "torchvision:SqueezeNet1_1_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG11_BN_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG11_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG13_BN_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG13_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG16_BN_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG16_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG19_BN_Weights.IMAGENET1K_V1\n"
   "torchvision:VGG19_Weights.IMAGENET1K_V1\n"
   "torchvision:ViT_B_16_Weights.IMAGENET1K_V1\n"
   "torchvision:ViT_B_32_Weights.IMAGENET1K_V1\n"
   "torchvision:ViT_L_32_Weights.IMAGENET1K_V1\n"
   "torchvision:Wide_ResNet101_2_Weights.IMAGENET1K_V1\n"
   "torchvision:Wide_ResNet50_2_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 232, 224, ResizeFilter::kBilinear, 0,
   "torchvision:ConvNeXt_Base_Weights.IMAGENET1K_V1\n"
   "torchvision:ConvNeXt_Large_Weights.IMAGENET1K_V1\n"
   "torchvision:MNASNet0_75_Weights.IMAGENET1K_V1\n"
   "torchvision:MNASNet1_3_Weights.IMAGENET1K_V1\n"
   "torchvision:MobileNet_V2_Weights.IMAGENET1K_V2\n"
   "torchvision:MobileNet_V3_Large_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_16GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_1_6GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_32GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_3_2GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_400MF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_800MF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_X_8GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_16GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_1_6GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_32GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_3_2GF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_400MF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_800MF_Weights.IMAGENET1K_V2\n"
   "torchvision:RegNet_Y_8GF_Weights.IMAGENET1K_V2\n"
   "torchvision:ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V2\n"
   "torchvision:ResNeXt101_32X8D_Weights.IMAGENET1K_V2\n"
   "torchvision:ResNeXt101_64X4D_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ResNeXt101_64X4D_Weights.IMAGENET1K_V1\n"
   "torchvision:ResNeXt50_32X4D_Weights.IMAGENET1K_V2\n"
   "torchvision:ResNet101_Weights.IMAGENET1K_V2\n"
   "torchvision:ResNet152_Weights.IMAGENET1K_V2\n"
   "torchvision:ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V2\n"
   "torchvision:ResNet50_Weights.IMAGENET1K_V2\n"
   "torchvision:ShuffleNet_V2_X1_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ShuffleNet_V2_X1_5_Weights.IMAGENET1K_V1\n"
   "torchvision:ShuffleNet_V2_X2_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1\n"
   "torchvision:Wide_ResNet101_2_Weights.IMAGENET1K_V2\n"
   "torchvision:Wide_ResNet50_2_Weights.IMAGENET1K_V2\n"},
  {ResizeMode::kShorterSide, 230, 224, ResizeFilter::kBilinear, 0,
   "torchvision:ConvNeXt_Small_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 236, 224, ResizeFilter::kBilinear, 0,
   "torchvision:ConvNeXt_Tiny_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 256, 224, ResizeFilter::kBicubic, 0,
   "timm:convnext_tiny.fb_in22k_ft_in1k\n"
   "timm:efficientnet_b0.ra_in1k\n"
   "timm:mobilenetv3_large_100.ra_in1k\n"
   "timm:mobilenetv3_small_100.lamb_in1k\n"
   "torchvision:EfficientNet_B0_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 256, 240, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B1_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 255, 240, ResizeFilter::kBilinear, 0,
   "torchvision:EfficientNet_B1_Weights.IMAGENET1K_V2\n"},
  {ResizeMode::kShorterSide, 288, 288, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B2_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 320, 300, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B3_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 384, 380, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B4_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 456, 456, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B5_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 528, 528, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B6_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 600, 600, ResizeFilter::kBicubic, 0,
   "torchvision:EfficientNet_B7_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 480, 480, ResizeFilter::kBicubic, 1,
   "torchvision:EfficientNet_V2_L_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 480, 480, ResizeFilter::kBilinear, 0,
   "torchvision:EfficientNet_V2_M_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 384, 384, ResizeFilter::kBilinear, 0,
   "torchvision:EfficientNet_V2_S_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 342, 299, ResizeFilter::kBilinear, 0,
   "torchvision:Inception_V3_QuantizedWeights.IMAGENET1K_FBGEMM_V1\n"
   "torchvision:Inception_V3_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 224, 224, ResizeFilter::kBicubic, 0,
   "torchvision:MaxVit_T_Weights.IMAGENET1K_V1\n"
   "torchvision:RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"
   "torchvision:RegNet_Y_16GF_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"
   "torchvision:RegNet_Y_32GF_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"
   "torchvision:ViT_B_16_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"
   "torchvision:ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"
   "torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_LINEAR_V1\n"},
  {ResizeMode::kShorterSide, 384, 384, ResizeFilter::kBicubic, 0,
   "timm:deit_base_patch16_384.fb_in1k\n"
   "torchvision:RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_E2E_V1\n"
   "torchvision:RegNet_Y_16GF_Weights.IMAGENET1K_SWAG_E2E_V1\n"
   "torchvision:RegNet_Y_32GF_Weights.IMAGENET1K_SWAG_E2E_V1\n"
   "torchvision:ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1\n"},
  {ResizeMode::kShorterSide, 238, 224, ResizeFilter::kBicubic, 0,
   "torchvision:Swin_B_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 246, 224, ResizeFilter::kBicubic, 0,
   "torchvision:Swin_S_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 232, 224, ResizeFilter::kBicubic, 0,
   "torchvision:Swin_T_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 272, 256, ResizeFilter::kBicubic, 0,
   "torchvision:Swin_V2_B_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 260, 256, ResizeFilter::kBicubic, 0,
   "torchvision:Swin_V2_S_Weights.IMAGENET1K_V1\n"
   "torchvision:Swin_V2_T_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 256, 224, ResizeFilter::kBilinear, 2,
   "torchvision:VGG16_Weights.IMAGENET1K_FEATURES\n"},
  {ResizeMode::kShorterSide, 518, 518, ResizeFilter::kBicubic, 0,
   "torchvision:ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1\n"},
  {ResizeMode::kShorterSide, 242, 224, ResizeFilter::kBilinear, 0,
   "torchvision:ViT_L_16_Weights.IMAGENET1K_V1\n"},
  {ResizeMode::kShorterSide, 512, 512, ResizeFilter::kBicubic, 0,
   "torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1\n"},
  {ResizeMode::kShorterSide, 235, 224, ResizeFilter::kBicubic, 0,
   "timm:resnet18.a1_in1k\n"
   "timm:resnet34.a1_in1k\n"
   "timm:resnet50.a1_in1k\n"},
  {ResizeMode::kShorterSide, 300, 300, ResizeFilter::kBicubic, 1,
   "timm:tf_efficientnetv2_s.in21k_ft_in1k\n"},
  {ResizeMode::kExact, 384, 384, ResizeFilter::kBicubic, 1,
   "timm:tf_efficientnetv2_m.in21k_ft_in1k\n"},
  {ResizeMode::kShorterSide, 248, 224, ResizeFilter::kBicubic, 0,
   "timm:deit_base_patch16_224.fb_in1k\n"
   "timm:deit_small_patch16_224.fb_in1k\n"
   "timm:deit_tiny_patch16_224.fb_in1k\n"
   "timm:swin_tiny_patch4_window7_224.ms_in1k\n"},
  {ResizeMode::kShorterSide, 248, 224, ResizeFilter::kBicubic, 1,
   "timm:vit_base_patch16_224.augreg2_in21k_ft_in1k\n"
   "timm:vit_base_patch16_224.augreg_in21k_ft_in1k\n"
   "timm:vit_base_patch32_224.augreg_in21k_ft_in1k\n"},
  {ResizeMode::kShorterSide, 384, 384, ResizeFilter::kBicubic, 1,
   "timm:vit_base_patch16_384.augreg_in21k_ft_in1k\n"},
  {ResizeMode::kShorterSide, 248, 224, ResizeFilter::kBicubic, 3,
   "timm:vit_base_patch16_clip_224.openai_ft_in1k\n"},
  {ResizeMode::kExact, 384, 384, ResizeFilter::kBicubic, 3,
   "timm:vit_base_patch16_clip_384.openai_ft_in1k\n"},
  {ResizeMode::kShorterSide, 336, 336, ResizeFilter::kBicubic, 3,
   "timm:eva02_small_patch14_336.mim_in22k_ft_in1k\n"
   "timm:eva02_tiny_patch14_336.mim_in22k_ft_in1k\n"},
  {ResizeMode::kExact, 448, 448, ResizeFilter::kBicubic, 3,
   "timm:eva02_large_patch14_448.mim_m38m_ft_in22k_in1k\n"},
}};

}  // namespace beralih
